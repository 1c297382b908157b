"""Comparing the two label sources of the Motorcycle Night Ride data set."""

from pathlib import Path

import pytest

from losszero_rt.errors import InputError
from tests.train.datasets.drawn_layouts import NUM, SIZE, fuse, scene, write, write_motorcycle
from train.datasets.verification import verify_night_ride


def test_equal_sources_agree_on_every_pixel(tmp_path: Path) -> None:
    report = verify_night_ride(write_motorcycle(tmp_path))
    assert len(report.pictures) == NUM
    assert report.share == 0
    assert report.pairs() == []
    assert report.faults == ()


def test_disagreement_is_counted_by_pair_of_classes_and_picture(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path)
    labels = scene(1)[1]
    road = labels == 1
    labels[road] = 2
    labels[:1, :3] = 255
    write(folder / "images" / "night ride (1).png___fuse.png", fuse(labels))
    report = verify_night_ride(folder)
    by_name = {each.name: each for each in report.pictures}
    assert by_name["night ride (0).png"].share == 0
    moved = int((road & (labels == 2)).sum())
    assert ("road", "lane mark", moved) in by_name["night ride (1).png"].pairs()
    erased = [pair for pair in report.pairs() if pair[1] == "unlabelled"]
    assert sum(count for _, _, count in erased) == 3
    assert report.share == pytest.approx((moved + 3) / (NUM * SIZE[0] * SIZE[1]))
    text = "\n".join(report.lines())
    assert f"road -> lane mark: {moved} pixels" in text
    assert text.index("night ride (1).png") < text.index("night ride (0).png")


def test_what_cannot_be_compared_is_listed(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path)
    (folder / "images" / "night ride (0).png___fuse.png").unlink()
    write(folder / "images" / "night ride (1).png___fuse.png", fuse(scene(1)[1])[:20])
    report = verify_night_ride(folder)
    assert len(report.pictures) == NUM - 2
    assert "night ride (0).png has only one of the two" in report.faults
    assert any("mask (20, 64)" in fault for fault in report.faults)


def test_one_source_alone_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture with both"):
        verify_night_ride(write_motorcycle(tmp_path, with_coco=False))
