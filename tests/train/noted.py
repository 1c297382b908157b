"""What trackers are given in tests: a drawn panel, scores, and the files of a checkpoint."""

from pathlib import Path

import numpy as np

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.metrics import Scores
from tests.train.conftest import draw_picture
from train.panels import Panel


def panel(*, name: str = "rides/../first.png", with_cam: bool = False) -> Panel:
    picture = draw_picture(0)
    cam_HW = np.linspace(0, 1, picture.labels_HW.size).reshape(picture.labels_HW.shape)
    return Panel(
        name=name,
        pixels_HWC=picture.pixels_HWC,
        labels_HW=np.roll(picture.labels_HW, 5, axis=1),
        truth_HW=picture.labels_HW,
        classes=NIGHT_RIDE,
        cam_HW=cam_HW if with_cam else None,
        cam_class="road" if with_cam else "",
    )


def scores() -> Scores:
    matrix = np.diag([50, 40, 0, 10, 10, 10])
    matrix[0, 1] = 5
    return Scores(matrices=matrix[None].astype(np.int64), classmap=NIGHT_RIDE)


def checkpoint_in(folder: Path, *, content: bytes = b"weights") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.safetensors").write_bytes(content)
    (folder / "seen.png").write_bytes(b"a picture")
    return folder
