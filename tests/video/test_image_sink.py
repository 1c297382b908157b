from pathlib import Path

import cv2
import numpy as np
import pytest

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.frame import Frame
from losszero_rt.video import StillSink, StillSource


@pytest.fixture
def still(tmp_path: Path) -> StillSource:
    pixels = np.full((60, 91, 3), (61, 40, 199), np.uint8)
    cv2.imwrite(str(tmp_path / "in.png"), pixels)
    return StillSource(tmp_path / "in.png")


def paint(sink: StillSink, still: StillSource) -> None:
    (frame,) = still
    assert isinstance(frame, Frame)
    canvas = sink.canvas()
    canvas.y[...], canvas.u[...], canvas.v[...] = frame.planes.y, frame.planes.u, frame.planes.v
    sink.write(canvas, frame=frame)


@pytest.mark.parametrize("suffix", ["png", "jpg", "jpeg", "webp"])
def test_image_is_written_in_its_colours(tmp_path: Path, still: StillSource, suffix: str) -> None:
    handed: list[int] = []
    path = tmp_path / f"out.{suffix}"
    sink = StillSink(path, info=still.info, source=still.path)
    sink.on_muxed = lambda pts, _: handed.append(pts)
    paint(sink, still)
    assert not path.exists()
    report = sink.close()
    assert handed == [0]
    assert report.path == path
    assert report.frames == 1
    assert report.num_bytes == path.stat().st_size
    pixels = cv2.imread(str(path))
    assert pixels is not None
    assert pixels.shape == (60, 91, 3)
    assert pixels[30, 40].astype(int) == pytest.approx((61, 40, 199), abs=4)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["in.png", path.name])


def test_image_never_replaces_its_source(still: StillSource) -> None:
    with pytest.raises(OutputError, match="the source itself"):
        StillSink(still.path, info=still.info, source=still.path, force=True)


def test_unknown_suffix_is_refused(tmp_path: Path, still: StillSource) -> None:
    with pytest.raises(UsageError, match=r"\.png, \.jpg"):
        StillSink(tmp_path / "out.xyz", info=still.info)


def test_nothing_is_left_after_an_abort(tmp_path: Path, still: StillSource) -> None:
    sink = StillSink(tmp_path / "out.png", info=still.info)
    paint(sink, still)
    sink.abort()
    with pytest.raises(OutputError, match="no picture reached it"):
        sink.close()
    assert not (tmp_path / "out.png").exists()


def test_second_picture_is_refused(tmp_path: Path, still: StillSource) -> None:
    sink = StillSink(tmp_path / "out.png", info=still.info)
    paint(sink, still)
    with pytest.raises(OutputError, match="one picture"):
        paint(sink, still)
