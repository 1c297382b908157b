from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.video.orientation import EXIF_ORIENTATIONS, Orientation
from tests.media import read_clip, write_clip

# A picture whose corners differ: top left bright, top right grey, bottom dark.
HEIGHT, WIDTH = 64, 128


def upright() -> np.ndarray:
    picture = np.full((HEIGHT, WIDTH), 20, np.uint8)
    picture[: HEIGHT // 2, : WIDTH // 2] = 220
    picture[: HEIGHT // 2, WIDTH // 2 :] = 120
    return picture


def corners(picture: np.ndarray) -> list[int]:
    """Return the rounded levels at top left, top right, bottom left, bottom right."""
    height, width = picture.shape
    points = [(h, w) for h in (height // 4, -height // 4) for w in (width // 4, -width // 4)]
    return [round(int(picture[point]) / 20) for point in points]


@pytest.mark.parametrize("hflip", [False, True])
@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_picture_stands_upright(tmp_path: Path, turn: int, hflip: bool) -> None:
    # What a camera stores so that a player, by turning it counter-clockwise and then mirroring
    # it, shows the upright picture.
    scene = upright()[:, ::-1] if hflip else upright()
    stored = np.ascontiguousarray(np.rot90(scene, -turn // 90))
    path = write_clip(
        tmp_path / "phone.mp4",
        size=(stored.shape[0], stored.shape[1]),
        num_frames=3,
        rotation=turn,
        hflip=hflip,
        sar=Fraction(4, 3),
        draw=lambda _: stored,
    )
    source, frames, _ = read_clip(path)
    assert frames[1].planes.size == (HEIGHT, WIDTH)
    assert corners(frames[1].planes.y) == corners(upright())
    assert source.info.size == (HEIGHT, WIDTH)
    assert source.info.coded_size == stored.shape
    assert source.info.sar == (Fraction(3, 4) if turn % 180 else Fraction(4, 3))
    if not hflip:
        assert source.info.rotation == (360 - turn) % 360
        assert any("turned upright" in note for note in source.info.notes) == bool(turn)
    assert any("mirror" in note for note in source.info.notes) == hflip


def test_odd_angle_is_left_and_said(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "tilted.mp4", num_frames=2, rotation=30)
    source, frames, _ = read_clip(path)
    assert frames[0].planes.size == (96, 192)
    assert any("no multiple of 90" in note for note in source.info.notes)


def test_exif_orientations_are_eight_different_ways() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    results = {way.apply(picture).tobytes() for way in EXIF_ORIENTATIONS}
    assert len(results) == 8


@pytest.mark.parametrize("way", EXIF_ORIENTATIONS)
def test_degrees_and_mirror_describe_the_way(way: Orientation) -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    turned = np.rot90(picture, -way.degrees // 90)
    described = turned[:, ::-1] if way.mirrored else turned
    assert (way.apply(picture) == described).all()
