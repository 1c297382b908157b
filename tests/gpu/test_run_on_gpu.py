"""The main job on a GPU, from clip to overlay."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from losszero_rt.bundle import Bundle
from losszero_rt.errors import ModelError
from losszero_rt.pipeline.assemble import run_job
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.demo import write_ride
from losszero_rt.ride import RideSpec
from tests.gpu.progress import Quiet

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(900)]

NUM_FRAMES = 60


@pytest.fixture(scope="module")
def ride(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a drawn ride."""
    path = tmp_path_factory.mktemp("ride") / "ride.mp4"
    write_ride(path, spec=RideSpec(size=(360, 640), seed=2, duration_s=NUM_FRAMES / 30))
    return path


def masks_of(folder: Path) -> np.ndarray:
    files = sorted(folder.rglob("*.png"))
    assert len(files) == NUM_FRAMES
    return np.stack([np.asarray(cv2.imread(str(f), cv2.IMREAD_UNCHANGED)) for f in files])


@pytest.mark.parametrize("batch", [0, 1, 8])
def test_every_frame_comes_out_and_the_report_says_how(
    shipped: Bundle, ride: Path, tmp_path: Path, batch: int
) -> None:
    config = RunConfig(
        out=tmp_path / "out.mp4",
        masks=tmp_path / "masks",
        model=str(shipped.path),
        device="cuda",
        batch=batch,
        allow_unverified=True,
    )
    report = run_job([str(ride)], config=config, progress=Quiet())
    assert report is not None
    assert report["exit_code"] == 0
    assert report["frames"]["shown"] == NUM_FRAMES
    assert (report["engine"], report["precision"]) == ("tensorrt", "fp16")
    assert report["device"] == torch.cuda.get_device_name(0)
    assert report["engine_trusted_by"] == "record"
    assert report["batch"] == (batch or 2)
    eager = RunConfig(
        masks=tmp_path / "eager",
        model=str(shipped.path),
        engine="eager",
        device="cuda",
        allow_unverified=True,
    )
    run_job([str(ride)], config=eager, progress=Quiet())
    found, truth = masks_of(tmp_path / "masks"), masks_of(tmp_path / "eager")
    assert (found == truth).mean() >= 0.99


def test_without_a_parity_record_nothing_runs(shipped: Bundle, ride: Path, tmp_path: Path) -> None:
    config = RunConfig(out=tmp_path / "out.mp4", model=str(shipped.path), device="cuda")
    with pytest.raises(ModelError, match="unverified"):
        run_job([str(ride)], config=config, progress=Quiet())
    assert not (tmp_path / "out.mp4").exists()
