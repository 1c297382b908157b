"""Pictures that an interrupted run left: refused, kept or replaced, but never gone in silence."""

from pathlib import Path
from typing import Any

import pytest

from losszero_rt.errors import OutputError
from losszero_rt.video import VideoSink, VideoSource, part_of, probe
from losszero_rt.video.leftovers import holds_pictures
from tests.media import copy_clip, frames_of, put


@pytest.fixture
def left(clip: Path, tmp_path: Path) -> Path:
    """An output of which an interrupted run left ten pictures."""
    out, source = tmp_path / "o.mp4", VideoSource(clip)
    sink = VideoSink(out, info=source.info)
    for frame in frames_of(source)[:10]:
        put(sink, frame)
    sink.abort()
    source.close()
    assert probe(part_of(out)).frames == 10
    return out


def test_pictures_are_refused_and_stay(clip: Path, left: Path) -> None:
    before, source = part_of(left).read_bytes(), VideoSource(clip)
    with pytest.raises(OutputError, match=r"holds pictures.*--resume.*--force"):
        VideoSink(left, info=source.info)
    source.close()
    assert part_of(left).read_bytes() == before
    assert not list(left.parent.glob("*.lock"))


def test_pictures_are_put_aside_under_the_first_free_name(clip: Path, left: Path) -> None:
    before = part_of(left).read_bytes()
    (left.parent / "o-1.mp4").write_bytes(b"taken")
    source = VideoSource(clip)
    report = copy_clip(source, left, put_aside=True)
    source.close()
    kept = left.parent / "o-2.mp4"
    assert kept.read_bytes() == before
    assert (left.parent / "o-1.mp4").read_bytes() == b"taken"
    assert probe(left).frames == report.frames > 10
    assert [note for note in report.notes if str(kept) in note]


def test_force_replaces_them_and_says_so(clip: Path, left: Path) -> None:
    source = VideoSource(clip)
    report = copy_clip(source, left, force=True)
    source.close()
    assert any(f"{part_of(left)} of an interrupted run is replaced" in n for n in report.notes)
    assert not list(left.parent.glob("o-*"))


@pytest.mark.parametrize("content", [b"", b"nothing that plays", None])
def test_what_holds_no_picture_is_no_obstacle(
    clip: Path, tmp_path: Path, content: bytes | None
) -> None:
    out, source = tmp_path / "o.mp4", VideoSource(clip)
    if content is not None:
        part_of(out).write_bytes(content)
    assert not holds_pictures(part_of(out))
    assert copy_clip(source, out).notes == ()
    source.close()


def test_second_sink_is_refused_while_the_first_writes(clip: Path, tmp_path: Path) -> None:
    out, source = tmp_path / "o.mp4", VideoSource(clip)
    first = VideoSink(out, info=source.info)
    ways: list[dict[str, Any]] = [{}, {"force": True}, {"resume": True}, {"put_aside": True}]
    for options in ways:
        with pytest.raises(OutputError, match="is being written"):
            VideoSink(out, info=source.info, **options)
    frames = frames_of(source)
    for frame in frames:
        put(first, frame)
    assert first.close().frames == len(frames)
    source.close()
    assert sorted(path.name for path in tmp_path.glob("o.*")) == ["o.mp4"]
