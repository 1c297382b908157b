"""A network that finds objects, as TensorRT engines of its parts: exported, proved and run."""

from pathlib import Path

import pytest
import torch

from export.config import ExportConfig
from export.exporting import export_bundle
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.pipeline.assemble import run_job
from losszero_rt.pipeline.config import RunConfig
from tests.bundles import draw_inputs, write_pairs
from tests.engine.bright_objects import write_bright_checkpoint
from tests.gpu.progress import Quiet
from tests.media import write_clip
from tests.split_bundles import assert_same_objects

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(3600)]

BATCHES = (1, 4)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bright_checkpoint(tmp_path_factory.mktemp("bright") / "checkpoint")


@pytest.fixture(scope="module", params=["fp16", "fp32"])
def bundle(
    request: pytest.FixtureRequest,
    own_cache: Path,
    checkpoint: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    """Exported with engines alone, and through the gate."""
    folder = tmp_path_factory.mktemp(f"objects-{request.param}")
    return export_bundle(
        ExportConfig(
            model=checkpoint,
            out=folder / "bundle",
            labelled=write_pairs(folder / "pairs"),
            engine="tensorrt",
            precision=request.param,
            batches=BATCHES,
        )
    )


def asked_for(bundle: Bundle) -> str:
    return str(bundle.built["tensorrt"]["b1"]["precision"])


def test_every_part_is_one_engine_that_runs_as_asked(bundle: Bundle) -> None:
    built = bundle.built["tensorrt"]
    assert sorted(built) == ["b1", "b4", "boxes", "masks"]
    assert {facts["precision_found"] for facts in built.values()} == {asked_for(bundle)}
    assert [built[role]["part"] for role in ("b1", "boxes")] == ["trunk", "boxes"]
    assert bundle.is_verified
    for found in bundle.parity["tensorrt"]["precisions"].values():
        assert found["objects"]["n"] >= 8


@pytest.mark.parametrize("batch", BATCHES)
def test_objects_on_the_gpu_are_those_of_the_eager_network(bundle: Bundle, batch: int) -> None:
    inputs_NHWC = draw_inputs(9, seed=70)
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions(batch=batch))
    eager = EagerEngine(bundle, options=EngineOptions(device="cpu", batch=batch))
    assert engine.info.gives_objects
    starts = range(0, len(inputs_NHWC), batch)
    given = [inputs_NHWC[start : start + batch] for start in starts]
    # Three under way at a time: a result must not be another's.
    waiting, found = [], []
    for one in given:
        waiting.append(engine.submit(one))
        if len(waiting) == 3:
            ticket = waiting.pop(0)
            found.append((ticket.result(), ticket.extras.objects))
    found += [(ticket.result(), ticket.extras.objects) for ticket in waiting]
    for (labels_NHW, objects), one in zip(found, given, strict=True):
        truth = eager.submit(one)
        assert (labels_NHW == truth.result()).mean() > 0.98
        assert objects is not None
        assert truth.extras.objects is not None
        for mine, theirs in zip(objects, truth.extras.objects, strict=True):
            if asked_for(bundle) == "fp32":
                assert_same_objects(mine, theirs)
            else:
                assert abs(len(mine) - len(theirs)) <= 1
    engine.close()


def test_memory_of_the_gpu_stays_flat(bundle: Bundle) -> None:
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions(batch=1))
    inputs_NHWC = draw_inputs(1)

    def used_after(num_calls: int) -> int:
        for _ in range(num_calls):
            engine.submit(inputs_NHWC).result()
        return torch.cuda.memory_allocated()

    first = used_after(50)
    assert used_after(300) <= first
    engine.close()


def test_a_run_counts_objects_and_says_what_was_compiled(bundle: Bundle, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    config = RunConfig(
        out=tmp_path / "out.mp4", model=str(bundle.path), engine="tensorrt", device="cuda"
    )
    report = run_job([str(clip)], config=config, progress=Quiet())
    assert report is not None
    assert report["exit_code"] == 0
    assert report["engine_parts"].startswith("trunk, box head, mask head")
    assert report["detections"]["frames"] == report["frames"]["shown"] == 30
    assert report["detections"]["objects"] > 0
