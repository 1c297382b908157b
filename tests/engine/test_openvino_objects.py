"""The OpenVINO engine of networks that find objects: parts are compiled, answers are eager's."""

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine import EngineOptions, open_engine, openvino_graphs
from losszero_rt.engine import openvino_engine as library
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_engine import why_not
from losszero_rt.engine.openvino_facts import capable_precisions, openvino_core
from losszero_rt.engine.openvino_graphs import offered_precisions
from losszero_rt.engine.openvino_objects import ObjectsOpenVinoEngine, open_on_openvino
from losszero_rt.errors import ModelError, NotFiniteError
from losszero_rt.network.mask_rcnn_split import Part
from losszero_rt.objects import Objects
from tests.engine.test_eager_objects import SIZE, SPEC, pixels, write_object_checkpoint
from tests.split_bundles import assert_same_objects, write_split_bundle

BATCH = 2


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("split")
    checkpoint = write_object_checkpoint(folder / "checkpoint")
    return write_split_bundle(folder / "bundle", checkpoint=checkpoint)


def opened(bundle: Bundle, **options: object) -> ObjectsOpenVinoEngine:
    settled = {"precision": "fp32", "threads": 1, **options}
    engine = open_engine(bundle, name="openvino", options=EngineOptions(**settled))  # type: ignore[arg-type]
    assert isinstance(engine, ObjectsOpenVinoEngine)
    return engine


def test_labels_and_objects_are_those_of_the_eager_network(split: Bundle) -> None:
    inputs_NHWC = pixels(5)
    engine = opened(split, batch=BATCH, num_requests=3)
    eager = EagerEngine(split, options=EngineOptions(batch=BATCH, threads=1))
    # All are under way before the first is read, and the last batch is short.
    batches = [inputs_NHWC[:2], inputs_NHWC[2:4], inputs_NHWC[4:]]
    for ticket, given in zip([engine.submit(one) for one in batches], batches, strict=True):
        theirs = eager.submit(given)
        labels_NHW = ticket.result()
        assert labels_NHW.dtype == np.uint8
        assert (labels_NHW == theirs.result()).mean() > 0.999
        assert labels_NHW.any()
        mine, truth = ticket.extras.objects, theirs.extras.objects
        assert mine is not None
        assert truth is not None
        assert len(mine) == len(given)
        for one, other in zip(mine, truth, strict=True):
            assert 0 < len(one) <= SPEC.detections_max
            assert_same_objects(one, other)
        assert ticket.infer_ms > 0
    engine.close()


def test_info_tells_which_parts_are_compiled_and_in_what_they_run(split: Bundle) -> None:
    engine = opened(split, num_requests=1)
    info = engine.info
    assert (info.name, info.precision, info.gives_objects) == ("openvino", "fp32", True)
    assert info.compiled.startswith("trunk, box head, mask head;")
    assert info.input_size == info.labels_size == SIZE
    fastest = capable_precisions()[0]
    assert opened(split, precision="auto").info.precision.startswith(fastest)


def spoiled(split: Bundle, folder: Path, *, part: Part) -> Bundle:
    """The bundle with the largest constant of a part negated, in a folder of its own."""
    for name in split.files:
        (folder / name).write_bytes(split.read(name))
    graph_name, constants_name = (
        split.engines["openvino"][f"{part}_{role}"] for role in ("graph", "constants")
    )
    graph = openvino_core().read_model(split.read(graph_name), split.read(constants_name))
    constants = [one for one in graph.get_ops() if one.get_type_name() == "Constant"]
    largest = max(constants, key=lambda one: one.data.size)
    content, whole = largest.data.tobytes(), split.read(constants_name)
    assert whole.count(content) == 1
    worse = (-largest.data).tobytes()
    (folder / constants_name).write_bytes(whole.replace(content, worse))
    return seal(replace(split, path=folder))


@pytest.mark.parametrize("part", ["trunk", "boxes", "masks"])
def test_every_part_that_is_compiled_is_asked(split: Bundle, tmp_path: Path, part: Part) -> None:
    """Were the weights of the eager network at work anywhere, these would not matter."""
    answers: list[Objects] = []
    for bundle in (split, spoiled(split, tmp_path, part=part)):
        engine = opened(bundle)
        assert not list(engine._split._network.parameters())
        ticket = engine.submit(pixels(1))
        ticket.result()
        assert ticket.extras.objects is not None
        answers += ticket.extras.objects
        engine.close()
    truth, found = answers
    assert len(truth) > 0
    same_boxes = truth.boxes.shape == found.boxes.shape and np.allclose(truth.boxes, found.boxes)
    assert same_boxes == (part == "masks")
    if part == "masks":
        assert (truth.masks != found.masks).any()


def test_objects_that_nobody_asked_for_are_not_given(split: Bundle) -> None:
    engine = opened(split, objects=False)
    assert not engine.info.gives_objects
    ticket = engine.submit(pixels(1))
    np.testing.assert_array_equal(ticket.result(), opened(split).submit(pixels(1)).result())
    assert ticket.extras.objects is None


def test_requests_are_counted_and_come_back_when_something_fails(split: Bundle) -> None:
    engine = opened(split, num_requests=1)
    ticket = engine.submit(pixels(1))
    with pytest.raises(ModelError, match=r"no free request.*at most 1 unread"):
        engine.submit(pixels(1))
    engine._split._network.roi_heads.box_head.forward = _overflow
    with pytest.raises(ModelError, match="boxes part overflows in fp32"):
        ticket.result()
    engine.submit(pixels(1))
    engine.close()
    engine.close()
    with pytest.raises(ModelError, match="no free request"):
        engine.submit(pixels(1))


def _overflow(_: object) -> None:
    raise NotFiniteError("the compiled boxes part", precision="fp32")


def test_closing_releases_the_compiled_heads(split: Bundle) -> None:
    engine = opened(split, num_requests=1)
    ticket = engine.submit(pixels(1))
    heads = [weakref.ref(request) for request in engine._heads.values()]
    assert len(heads) == 2
    assert all(head() for head in heads)
    engine.close()
    assert not any(head() for head in heads)
    with pytest.raises(ModelError, match=r"engine is closed.*open it again"):
        ticket.result()


def test_classes_cannot_be_watched_without_a_linear_head(split: Bundle) -> None:
    engine = opened(split)
    engine.watch(None)
    with pytest.raises(ModelError, match=r"no linear head.*any architecture but mask-rcnn"):
        engine.watch(1)


def test_bundle_that_lacks_a_part_or_holds_another_is_refused(split: Bundle) -> None:
    files = dict(split.engines["openvino"])
    without = {role: name for role, name in files.items() if role != "masks_graph"}
    assert "holds no OpenVINO graph" in why_not(replace(split, engines={"openvino": without}))
    exchanged = {**files, "masks_graph": files["boxes_graph"]}
    exchanged["masks_constants"] = files["boxes_constants"]
    with pytest.raises(ModelError, match=r"refuses the graph|graph of the masks in .* maps"):
        opened(replace(split, engines={"openvino": exchanged}))


@pytest.mark.parametrize("parity", [{}, {"openvino": {"precisions": {"fp32": {}}}}])
def test_arithmetic_that_the_export_left_out_is_refused_and_never_chosen(
    split: Bundle, monkeypatch: pytest.MonkeyPatch, parity: dict[str, Any]
) -> None:
    # Whatever this CPU has: it is refused before anything is compiled.
    monkeypatch.setattr(openvino_graphs, "capable_precisions", lambda: ("bf16", "fp32"))
    left_out = {"graph": {"precision": "auto", "left_out": {"bf16": "loses 9 of 9 objects"}}}
    found = replace(split, parity=parity, built={"openvino": left_out})
    assert offered_precisions(split) == ("bf16", "fp32")
    assert opened(found, precision="auto").info.precision == "fp32"
    with pytest.raises(ModelError, match=r"bf16 .*loses 9 of 9 objects.*--precision fp32"):
        opened(found, precision="bf16")


def test_without_torch_the_engine_says_what_to_install(
    split: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "find_spec", lambda name: None if "torch" in name else name)
    assert "sorted out in torch: pip install" in why_not(split)
    with pytest.raises(ModelError, match=r"pip install -e '\.\[export\]'"):
        open_on_openvino(split, options=EngineOptions())


def test_compiled_parts_are_kept_apart_in_the_cache(
    split: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path))
    first = opened(split).submit(pixels(1)).result()
    blobs = sorted(tmp_path.rglob("*.blob"))
    assert len(blobs) == 3
    times = [blob.stat().st_ino for blob in blobs]
    np.testing.assert_array_equal(opened(split).submit(pixels(1)).result(), first)
    assert [blob.stat().st_ino for blob in sorted(tmp_path.rglob("*.blob"))] == times


def test_seal_holds_a_digest_of_every_part(split: Bundle) -> None:
    names = set(split.engines["openvino"].values())
    assert len(names) == 6
    assert names <= set(split.files)
    assert seal(split).files == split.files
