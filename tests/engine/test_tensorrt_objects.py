"""Engines of the parts of a network that finds objects: torch stands in for what was compiled."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from export.deployed import DeployedGraph
from export.split_graphs import part_of
from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine import EngineOptions, tensorrt_engine
from losszero_rt.engine.building import build_engine
from losszero_rt.engine.cuda_slots import Fetched
from losszero_rt.engine.eager_engine import EagerEngine, load_bundle_network
from losszero_rt.engine.engine_files import engine_files, head_files
from losszero_rt.engine.engine_program import EngineProgram
from losszero_rt.engine.engine_trust import record_trust
from losszero_rt.engine.tensorrt_engine import TensorRtEngine, why_not
from losszero_rt.errors import ModelError, NotFiniteError
from losszero_rt.network.mask_rcnn_split import HEADS, num_regions
from tests.engine.tensorrt_double import FACTS, HERE, VERSIONS
from tests.engine.test_eager_objects import SPEC, pixels, write_object_checkpoint
from tests.split_bundles import assert_same_objects, write_split_bundle

BATCH = 2
ROLES: dict[str, int] = {f"b{BATCH}": BATCH}
ROLES.update((part, num_regions(SPEC, part)) for part in HEADS)


class SlotsAtOnce:
    """Slots whose work is done before they are handed out."""

    def __init__(self, network: Callable[[torch.Tensor], Any], *, batch: int, **_: object) -> None:
        self.network, self.batch, self.num_slots, self.is_full = network, batch, 3, False

    def send(self, inputs_NHWC: np.ndarray, *, watched: int | None = None) -> torch.Tensor:
        padded = np.zeros((self.batch, *inputs_NHWC.shape[1:]), np.uint8)
        padded[: len(inputs_NHWC)] = inputs_NHWC
        with torch.inference_mode():
            labels_NHW: torch.Tensor = self.network(torch.from_numpy(padded))[0]
        return labels_NHW

    def fetch(self, slot: torch.Tensor, *, num_frames: int, watched: bool = False) -> Fetched:
        labels_NHW = slot[:num_frames].to(torch.uint8).numpy()
        return Fetched(
            labels_Nhw=labels_NHW,
            cams_Nhw=None,
            finite_n=np.ones(len(labels_NHW), bool),
            spent_ms=1.0,
        )

    def close(self) -> None:
        """Nothing is under way."""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("parts")
    checkpoint = write_object_checkpoint(folder / "checkpoint")
    return write_split_bundle(folder / "bundle", checkpoint=checkpoint)


@pytest.fixture
def bundle(bare: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bundle:
    """A bundle with engines of all parts, each a name, and torch for what they are names of."""
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tensorrt_engine, "find_gpu", lambda _: torch.device("cpu"))
    monkeypatch.setattr(tensorrt_engine, "gpu_facts", lambda _: HERE)
    monkeypatch.setattr(tensorrt_engine, "find_spec", lambda name: name)
    monkeypatch.setattr(tensorrt_engine, "CudaSlots", SlotsAtOnce)
    monkeypatch.setattr(tensorrt_engine, "load_engine", partial(stand_in, bare))
    library = SimpleNamespace(runtime=SimpleNamespace(enable_cudagraphs=replayed))
    monkeypatch.setattr(tensorrt_engine, "import_tensorrt", lambda: library)
    return with_engines(bare)


def replayed(module: nn.Module) -> AbstractContextManager[nn.Module]:
    return nullcontext(module)


def with_engines(bare: Bundle, **facts: dict[str, object]) -> Bundle:
    """Write engines; ``facts`` of a role differ from the usual ones."""
    for role in ROLES:
        (bare.path / f"tensorrt-{role}.pt2").write_bytes(role.encode())
        # Digests of the names: this user built them.
    built = {
        role: {**FACTS, "batch": batch, **facts.get(role, {})} for role, batch in ROLES.items()
    }
    engines = {"tensorrt": {role: f"tensorrt-{role}.pt2" for role in ROLES}}
    found = seal(replace(bare, engines=engines, built={"tensorrt": built}))
    for role in ROLES:
        record_trust(found.files[f"tensorrt-{role}.pt2"].sha256, facts={"part": role})
    return found


def stand_in(bare: Bundle, content: bytes, *, device: torch.device) -> EngineProgram:
    """What an engine computes, for exactly as many frames or regions as it was built for."""
    network, role = load_bundle_network(bare), content.decode()
    if role in HEADS:
        module = part_of(network, role)
    else:
        trunk = part_of(network, "trunk")
        module = DeployedGraph(
            trunk,
            spec=bare.input_spec,
            labels_size=bare.labels_size,
            dtype=torch.float32,
            ending="logits",
        )

    def check(_: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        assert len(given[0]) == ROLES[role], role
        assert given[0].dtype == torch.float32

    module.register_forward_pre_hook(check)
    return EngineProgram(module.eval(), dtype=torch.float32)


def opened(bundle: Bundle, **options: object) -> TensorRtEngine:
    settled = {"batch": BATCH, "num_requests": 1, **options}
    return TensorRtEngine(bundle, options=EngineOptions(**settled))  # type: ignore[arg-type]


def test_labels_and_objects_are_those_of_the_eager_network(bundle: Bundle) -> None:
    inputs_NHWC = pixels(3)
    engine = opened(bundle)
    eager = EagerEngine(bundle, options=EngineOptions(batch=BATCH, threads=1))
    batches = [inputs_NHWC[:2], inputs_NHWC[2:]]
    # The second is under way before the first is read.
    for ticket, given in zip([engine.submit(one) for one in batches], batches, strict=True):
        theirs = eager.submit(given)
        assert (ticket.result() == theirs.result()).mean() > 0.999
        mine, truth = ticket.extras.objects, theirs.extras.objects
        assert mine is not None
        assert truth is not None
        assert len(mine) == len(given)
        for one, other in zip(mine, truth, strict=True):
            assert len(one) > 0
            assert_same_objects(one, other)
    info = engine.info
    assert (info.gives_objects, info.batch, info.precision) == (True, BATCH, "fp32")
    assert info.compiled.startswith("trunk, box head, mask head;")
    engine.close()


def test_objects_that_nobody_asked_for_are_not_given(bundle: Bundle) -> None:
    engine = opened(bundle, objects=False)
    ticket = engine.submit(pixels(2))
    np.testing.assert_array_equal(ticket.result(), opened(bundle).submit(pixels(2)).result())
    assert ticket.extras.objects is None
    assert not engine.info.gives_objects


def test_batches_are_those_of_the_trunk_and_heads_are_no_engines_by_themselves(
    bundle: Bundle,
) -> None:
    assert [file.batch for file in engine_files(bundle)] == [BATCH]
    assert {part: file.batch for part, file in head_files(bundle).items()} == {
        "boxes": 30,
        "masks": 5,
    }
    with pytest.raises(ModelError, match="no TensorRT engine for a batch of 30"):
        opened(bundle, batch=30)
    assert why_not(bundle, options=EngineOptions(batch=BATCH)) == ""


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        ({"gpu": "Other GPU"}, r"tensorrt-masks.pt2 was built on Other GPU .*is Test GPU"),
        (
            {"versions": {**VERSIONS, "tensorrt": "11.2"}},
            r"tensorrt-masks.pt2 was built with tensorrt 11.2, 11.1.0.106 is installed",
        ),
        ({"precision_found": "fp16"}, r"tensorrt-masks.pt2 runs in fp16, the trunk in fp32"),
    ],
)
def test_a_head_of_another_machine_or_arithmetic_is_refused(
    bundle: Bundle, bare: Bundle, facts: dict[str, object], fault: str
) -> None:
    other = with_engines(bare, masks=facts)
    with pytest.raises(ModelError, match=fault):
        opened(other)
    assert why_not(other, options=EngineOptions(batch=BATCH))


def test_a_head_that_is_missing_or_that_nobody_vouches_for_is_refused(
    bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {role: name for role, name in bundle.engines["tensorrt"].items() if role != "masks"}
    with pytest.raises(
        ModelError,
        match=r"engines of the trunk and of boxes\. engines of trunk, boxes, masks\. .*--batch 2 ",
    ):
        opened(replace(bundle, engines={"tensorrt": names}))
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path / "other"))
    for role in (f"b{BATCH}", "boxes"):
        record_trust(bundle.files[f"tensorrt-{role}.pt2"].sha256, facts={})
    with pytest.raises(ModelError, match=r"tensorrt-masks.pt2 is code, and no record says"):
        opened(bundle)
    assert opened(bundle, trust_engine=True).info.gives_objects


def test_closing_releases_the_engines_of_all_parts(bundle: Bundle) -> None:
    engine = opened(bundle)
    assert len(engine._modules) == 3
    engine.close()
    assert not engine._modules


def test_a_single_engine_cannot_be_built_of_parts(bundle: Bundle) -> None:
    with pytest.raises(ModelError, match=r"--build for a mask-rcnn.*--engine tensorrt --batch 2"):
        build_engine(bundle, options=EngineOptions(batch=BATCH), say=pytest.fail)


def test_what_overflows_between_the_parts_is_told_where_labels_are_read(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = opened(bundle)
    assert engine.objects is not None

    def overflow(_: torch.Tensor) -> None:
        raise NotFiniteError("the compiled trunk part", precision="fp16")

    monkeypatch.setattr(engine._slots, "network", overflow)
    ticket = engine.submit(pixels(1))
    with pytest.raises(NotFiniteError, match="trunk part overflows in fp16"):
        ticket.result()
