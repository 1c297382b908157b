from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.datasets.drawn_layouts import write, write_id_masks
from train.datasets import PictureSet, make_split, open_pictures
from train.datasets.leaks import find_leaks, near_duplicates
from train.datasets.splits import own_split


def view(seed: int, size: tuple[int, int] = (90, 160)) -> np.ndarray:
    """Return a dark picture with lights, unlike those of other seeds."""
    rng = np.random.default_rng(seed)
    pixels = np.full((*size, 3), 12, np.uint8)
    for _ in range(25):
        centre = (int(rng.integers(0, size[1])), int(rng.integers(0, size[0])))
        colour = [int(value) for value in rng.integers(40, 255, 3)]
        cv2.circle(pixels, centre, int(rng.integers(4, 16)), colour, -1)
    return cv2.GaussianBlur(pixels, (0, 0), 2)


def changed(pixels: np.ndarray, how: str) -> np.ndarray:
    half = cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    compressed = cv2.imdecode(cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 1)
    assert compressed is not None
    return {
        "same": pixels,
        "half the size": half,
        "compressed": compressed,
        "brighter": np.clip(pixels * 1.4, 0, 255).astype(np.uint8),
        "mirrored": pixels[:, ::-1].copy(),
    }[how]


def set_of(folder: Path, views: list[np.ndarray]) -> PictureSet:
    for number, pixels in enumerate(views):
        write(folder / "images" / f"v{number}.png", pixels)
        write(folder / "masks" / f"v{number}.png", np.zeros(pixels.shape[:2], np.uint8))
    return open_pictures(folder)


@pytest.mark.parametrize("how", ["same", "half the size", "compressed", "brighter", "mirrored"])
def test_a_view_that_was_changed_is_found_among_others(tmp_path: Path, how: str) -> None:
    views = [view(seed) for seed in range(6)]
    (pair,) = near_duplicates(set_of(tmp_path, [*views, changed(views[2], how)]))
    assert (pair.first, pair.second) == ("v2.png", "v6.png")
    assert pair.similarity > 0.95
    assert pair.mirrored == (how == "mirrored")


def test_pictures_of_one_colour_are_no_duplicates(tmp_path: Path) -> None:
    plain = np.full((90, 160, 3), 30, np.uint8)
    assert near_duplicates(set_of(tmp_path, [plain, plain])) == ()


def test_duplicates_across_parts_are_leaks_and_joining_them_mends_it(tmp_path: Path) -> None:
    views = [view(seed) for seed in range(5)]
    pictures = set_of(tmp_path, [*views, *(changed(each, "half the size") for each in views)])
    duplicates = near_duplicates(pictures)
    assert len(duplicates) == 5
    apart = make_split(pictures, ratios=(1, 1), seed=1)
    assert find_leaks(pictures, apart, duplicates=duplicates)
    joined = [(pair.first, pair.second) for pair in duplicates]
    together = make_split(pictures, ratios=(1, 1), seed=1, joined=joined)
    assert find_leaks(pictures, together, duplicates=duplicates) == ()


def test_a_ride_in_two_parts_is_a_leak(tmp_path: Path) -> None:
    folder = write_id_masks(tmp_path)
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("ride 2", "ride 0"))
    pictures = open_pictures(folder)
    (leak,) = find_leaks(pictures, own_split(pictures), duplicates=())
    assert leak.names == ("p0.png", "p2.png")
    assert str(leak) == "train | val: p0.png, p2.png (ride ride 0)"
