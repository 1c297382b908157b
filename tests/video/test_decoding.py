"""Damage: what can be decoded is kept, in its place; what cannot is counted."""

from pathlib import Path

import av
import numpy as np
import pytest

from losszero_rt.video import VideoSource
from tests.media import draw_index, read_clip, read_index, write_clip

LONG_GOP = {"preset": "veryfast", "g": "15", "bf": "2", "crf": "12"}


def noisy(index: int) -> np.ndarray:

    luma = draw_index(index, size=(192, 384)).astype(np.int16)
    return np.clip(luma + np.random.default_rng(index).normal(0, 12, luma.shape), 0, 255).astype(
        np.uint8
    )


@pytest.fixture
def busy_clip(tmp_path: Path) -> Path:
    """Ninety noisy frames: packets are large enough to be damaged."""
    return write_clip(
        tmp_path / "busy.mp4", size=(192, 384), num_frames=90, options=LONG_GOP, draw=noisy
    )


def packets_at(path: Path) -> list[tuple[int, int]]:
    """Return position and size of all packets of the only stream."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux() if p.size and p.pos is not None]


def overwrite(path: Path, position: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(content)


def test_zeroed_packets_are_counted_and_later_frames_keep_their_times(busy_clip: Path) -> None:
    whole = {frame.pts: read_index(frame.planes) for frame in read_clip(busy_clip)[1]}
    positions = packets_at(busy_clip)
    for position, size in positions[40:43]:
        overwrite(busy_clip, position, bytes(size))
    source, frames, lost = read_clip(busy_clip)
    assert {item.fate for item in lost} == {"corrupt"}
    assert {item.reason for item in lost} == {"undecodable"}
    assert 1 <= len(lost) <= 15
    assert len(frames) + len(lost) == 90
    assert {frame.pts for frame in frames} | {item.pts for item in lost} == set(whole)
    assert sorted([f.index for f in frames] + [item.index for item in lost]) == list(range(90))
    tail = [frame for frame in frames if frame.index >= 60]
    assert [read_index(frame.planes) for frame in tail] == list(range(60, 90))
    assert not any(frame.suspect for frame in tail)
    assert source.incomplete is None


def test_flipped_bits_make_frames_suspect(busy_clip: Path) -> None:
    assert not any(frame.suspect for frame in read_clip(busy_clip)[1])
    for position, size in packets_at(busy_clip)[45:49]:
        overwrite(busy_clip, position + size // 2, b"\xa5\x5a\xff\x00\x3c")
    _, frames, lost = read_clip(busy_clip)
    suspect = [frame.index for frame in frames if frame.suspect]
    assert suspect
    assert 40 < min(suspect) <= max(suspect) < 65
    assert len(frames) + len(lost) == 90


def test_unusable_rest_is_given_up(busy_clip: Path) -> None:
    for position, size in packets_at(busy_clip)[30:]:
        overwrite(busy_clip, position, bytes(size))
    source, frames, lost = read_clip(busy_clip)
    assert 25 <= len(frames) <= 31
    assert len(lost) >= 30
    assert source.incomplete is not None
    assert "gave up after 32 packets" in source.incomplete
    assert len(frames) + len(lost) < 90


def test_damage_leaves_the_interpreter_alive_when_closed_at_once(busy_clip: Path) -> None:
    for position, size in packets_at(busy_clip)[2:]:
        overwrite(busy_clip, position + size // 2, b"\xa5\x5a\xff\x00\x3c" * 4)
    for taken in range(20):
        source = VideoSource(busy_clip)
        for number, _ in enumerate(source):
            if number == taken:
                break
        source.close()


def test_start_of_a_cut_stream_is_not_shown_grey(tmp_path: Path) -> None:
    options = {"preset": "veryfast", "g": "15", "bf": "0"}
    whole = write_clip(tmp_path / "whole.ts", num_frames=45, options=options)
    data = whole.read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(data[: 188 * 3] + data[188 * 12 :])
    _, frames, _ = read_clip(cut)
    seen = [read_index(frame.planes) for frame in frames if not frame.suspect]
    assert seen == list(range(seen[0], 45))


def test_hidden_packets_are_no_loss(tmp_path: Path) -> None:
    options = {"deadline": "realtime", "g": "60"}
    path = write_clip(tmp_path / "alt.webm", codec="libvpx", options=options)
    hidden = tmp_path / "hidden.webm"
    with av.open(str(path)) as source, av.open(str(hidden), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in source.demux() if p.size):
            data = bytearray(bytes(packet))
            if number in (10, 20):
                data[0] &= ~0x10  # show_frame in the frame tag, RFC 6386 section 9.1
            changed = av.Packet(bytes(data))
            changed.stream, changed.time_base = stream, packet.time_base
            changed.pts, changed.dts = packet.pts, packet.dts
            changed.is_keyframe = packet.is_keyframe
            output.mux(changed)
    _, frames, lost = read_clip(hidden)
    assert len(frames) == 28
    assert not lost
