import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec
from train.config import Phase, TrainConfig
from train.datasets import LabelledPicture


def draw_picture(seed: int, *, size: tuple[int, int] = (72, 126)) -> LabelledPicture:
    """Draw a road with a mark, a bike with a rider and a vehicle, each of its own colour."""
    rng = np.random.default_rng(seed)
    height, width = size
    labels = np.zeros(size, np.uint8)
    labels[height // 3 :, width // 5 : -width // 5] = 1
    middle = width // 2 + int(rng.integers(-8, 8))
    labels[height // 3 : -10, middle : middle + 3] = 2
    labels[-height // 4 :, width // 3 : -width // 3] = 3
    labels[-height // 4 :, : width // 6] = 4
    labels[height // 3 : height // 2, width // 4 : width // 4 + 14] = 5
    palette = np.array(
        [[10, 10, 20], [60, 60, 60], [220, 220, 200], [20, 60, 120], [120, 60, 20], [200, 20, 20]]
    )
    pixels = palette[labels] + rng.integers(-8, 8, (*size, 3))
    return LabelledPicture(
        name=f"drawn {seed}",
        pixels_HWC=np.clip(pixels, 0, 255).astype(np.uint8),
        labels_HW=labels,
        has_bike=True,
        is_night=True,
    )


@pytest.fixture
def pictures() -> list[LabelledPicture]:
    return [draw_picture(seed) for seed in range(4)]


@pytest.fixture
def tiny_config() -> TrainConfig:
    return TrainConfig(
        network=NetworkSpec(architecture="unet", decoder_channels=8),
        phases=(
            Phase(epochs=1, crop_size=(64, 64), batch_size=2, scale=(0.8, 1.2)),
            Phase(epochs=1, crop_size=(64, 96), batch_size=2, scale=(0.9, 1.1)),
        ),
        input=InputSpec(size=(64, 96), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        samples_per_epoch=4,
        encoder_weights="none",
        num_rides=0,
    )


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """Write a data folder in the layout of the night ride pairs: three to train on, one to keep."""
    folder = tmp_path / "data" / "night_ride"
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    rows = []
    for seed in range(4):
        picture = draw_picture(seed)
        name = f"p{seed}.png"
        bgr = cv2.cvtColor(picture.pixels_HWC, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / "images" / name), bgr)
        cv2.imwrite(str(folder / "masks" / name), picture.labels_HW)
        rows.append({"file": name, "split": "val" if seed == 3 else "train"})
    (folder / "manifest.json").write_text(json.dumps(rows))
    return folder.parent
