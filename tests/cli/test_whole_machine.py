"""The numbered-frame test of the whole machine, and what it does with media that are not perfect.

The frame's index is drawn in its pixels, so order, loss and time are read off the output.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from losszero_rt.video import probe
from tests.cli.program import Program, read_json
from tests.media import draw_index, packets_of, read_clip, read_index, write_clip

SIZE = (96, 192)
AS_IT_IS = ("--alpha", "0", "--no-legend", "--no-hud", "--crf", "10")


def numbers(path: Path) -> list[int]:
    """Frame numbers read off the pictures."""
    _, frames, lost = read_clip(path)
    assert not lost
    return [read_index(frame.planes) for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_irregular_times_a_late_start_and_sound_come_out_as_they_went_in(
    program: Program, tmp_path: Path, suffix: str
) -> None:
    rng = np.random.default_rng(5)
    pts = (90_000 // 3 + np.cumsum(rng.integers(1500, 9000, 150))).tolist()
    clip = write_clip(
        tmp_path / "c.mp4",
        size=SIZE,
        pts=pts,
        time_base=Fraction(1, 90_000),
        audio="aac",
        audio_s=2.0,
        audio_start_s=0.2,
        options={"preset": "veryfast", "g": "25"},
    )
    out, report = tmp_path / f"o{suffix}", tmp_path / "r.json"
    program.done(clip, "--out", out, "--report", report, *AS_IT_IS)
    assert numbers(out) == list(range(150))
    before, after = probe(clip), probe(out)
    times = [[p * r.time_base for p in r.pts] for r in (before, after)]
    sounds = [packets_of(path) for path in (clip, out)]
    assert [sound[2] for sound in sounds[0]] == [sound[2] for sound in sounds[1]]
    if suffix != ".mkv":  # which counts milliseconds, from the first sound on
        assert times[0] == times[1]
        assert [sound[1] for sound in sounds[0]] == [sound[1] for sound in sounds[1]]
    else:
        shift = times[1][0] - times[0][0]
        moved = [b - a - shift for a, b in zip(*times, strict=True)]
        assert max(map(abs, moved)) <= Fraction(1, 1000)
        gap = (sounds[1][0][1] - times[1][0]) - (sounds[0][0][1] - times[0][0])
        assert abs(gap) <= Fraction(1, 500), "sound and picture stay together"
    frames = read_json(report)["frames"]
    assert frames == {
        "read": 150,
        "shown": 150,
        "late": 0,
        "dropped": 0,
        "dropped_by_reason": {},
        "corrupt": 0,
        "suspect": 0,
    }


def test_hour_of_ntsc_time_does_not_drift(program: Program, tmp_path: Path) -> None:
    hour = 107_892  # frames of 30000/1001
    clip = write_clip(
        tmp_path / "c.mp4",
        size=SIZE,
        rate=Fraction(30_000, 1001),
        pts=[1001 * index for index in (0, 1, 2, hour, hour + 1)],
        time_base=Fraction(1, 30_000),
    )
    program.done(clip, "--out", tmp_path / "o.mp4", *AS_IT_IS)
    found = probe(tmp_path / "o.mp4")
    assert found.pts[-1] * found.time_base == (hour + 1) * Fraction(1001, 30_000)


@pytest.mark.parametrize("num_frames", [1, 2])
def test_very_short_clips(program: Program, tmp_path: Path, num_frames: int) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=SIZE, num_frames=num_frames)
    program.done(clip, "--out", tmp_path / "o.mp4", *AS_IT_IS)
    assert numbers(tmp_path / "o.mp4") == list(range(num_frames))


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (16, 16), (17, 33)])
def test_very_small_and_odd_clips(program: Program, tmp_path: Path, size: tuple[int, int]) -> None:
    clip = write_clip(
        tmp_path / "c.mkv", size=size, num_frames=3, codec="ffv1", pix_fmt="yuv444p", options={}
    )
    outcome = program.done(clip, "--out", tmp_path / "o.mp4", "--masks", tmp_path / "m")
    even = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert probe(tmp_path / "o.mp4").size == even
    if even != size:
        assert f"{size[1]}x{size[0]} padded to {even[1]}x{even[0]}" in outcome.err


@pytest.mark.parametrize("pix_fmt", ["gray", "yuv422p", "yuv444p", "yuv420p10le"])
def test_any_pixel_format(program: Program, tmp_path: Path, pix_fmt: str) -> None:
    clip = write_clip(
        tmp_path / "c.mkv", size=SIZE, num_frames=4, codec="ffv1", pix_fmt=pix_fmt, options={}
    )
    program.done(clip, "--out", tmp_path / "o.mp4", *AS_IT_IS)
    assert numbers(tmp_path / "o.mp4") == list(range(4))


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_done_once_and_not_said_again(
    program: Program, tmp_path: Path, degrees: int
) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=SIZE, num_frames=3, rotation=degrees)
    out = tmp_path / "o.mp4"
    program.done(clip, "--out", out, *AS_IT_IS)
    assert probe(out).size == (SIZE if degrees == 180 else SIZE[::-1])
    _, frames, _ = read_clip(out)
    upright = np.rot90(draw_index(2, size=SIZE), degrees // 90)
    difference = np.abs(frames[2].planes.y.astype(int) - upright)
    assert np.median(difference) < 4
    source, _, _ = read_clip(out)
    assert source.info.rotation == 0


def test_shape_of_pixels_is_kept(program: Program, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "c.mp4", size=SIZE, num_frames=3, sar=Fraction(4, 3))
    program.done(clip, "--out", tmp_path / "o.mp4")
    assert read_clip(tmp_path / "o.mp4")[0].info.sar == Fraction(4, 3)


def test_cut_recording_gives_what_is_there_and_exit_6(program: Program, tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "c.mp4",
        size=SIZE,
        num_frames=90,
        options={"g": "10", "bf": "0"},
        container_options={"movflags": "faststart"},
    )
    clip.write_bytes(clip.read_bytes()[: int(clip.stat().st_size * 0.6)])
    out, report = tmp_path / "o.mp4", tmp_path / "r.json"
    outcome = program(clip, "--out", out, "--report", report, *AS_IT_IS)
    assert outcome.code == 6
    assert "of 90 frames" in outcome.err
    found = numbers(out)
    assert 30 < len(found) < 90
    assert found == list(range(len(found)))
    facts = read_json(report)
    assert facts["sources"][0]["missing_share"] > 0.2
    assert facts["output"]["frames"] == len(found)


def test_damaged_packets_are_counted_and_the_rest_keeps_its_times(
    program: Program, tmp_path: Path
) -> None:
    # Every picture of MJPEG stands alone, so exactly the damaged ones are lost.
    clip = write_clip(
        tmp_path / "c.avi", size=SIZE, num_frames=40, codec="mjpeg", pix_fmt="yuvj420p", options={}
    )
    data = bytearray(clip.read_bytes())
    starts = [i for i in range(len(data) - 3) if data[i : i + 3] == b"\xff\xd8\xff"]
    for start in starts[10:14]:
        data[start : start + 600] = bytes(600)
    clip.write_bytes(data)
    out, report = tmp_path / "o.mp4", tmp_path / "r.json"
    assert program(clip, "--out", out, "--report", report, *AS_IT_IS).code == 6
    frames = read_json(report)["frames"]
    assert frames["corrupt"] == 4
    assert frames["read"] == 40
    assert numbers(out) == [*range(10), *range(14, 40)]
    found = probe(out)
    times = [float(pts * found.time_base) for pts in found.pts]
    assert times == pytest.approx([n / 30 for n in numbers(out)], abs=0.001)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        ("audio_only", "no video stream"),
        ("no_moov", "not finalised"),
        ("playlist", "not a video"),
    ],
)
def test_files_without_pictures(program: Program, tmp_path: Path, make: str, words: str) -> None:
    clip = tmp_path / "c.mp4"
    MAKERS[make](clip)
    outcome = program(clip, "--out", tmp_path / "o.mp4")
    assert outcome.code == 3
    assert words in outcome.error_line
    assert not list(tmp_path.glob("o.mp4*"))


def _audio_only(path: Path) -> None:
    talking = write_clip(path.with_name("talking.mp4"), size=SIZE, num_frames=5, audio="aac")
    with av.open(str(talking)) as source, av.open(str(path), "w") as target:
        track = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = track
                target.mux(packet)


def _no_moov(path: Path) -> None:
    data = write_clip(path, size=SIZE, num_frames=30).read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


def _playlist(path: Path) -> None:
    other = write_clip(path.with_name("other.mp4"), size=SIZE, num_frames=5)
    path.write_text(f"ffconcat version 1.0\nfile {other.name}\n")


MAKERS: dict[str, Any] = {
    "audio_only": _audio_only,
    "no_moov": _no_moov,
    "playlist": _playlist,
}


@pytest.mark.parametrize(
    "name", ["with spaces.mp4", "näß 夜.mp4", "a\nb.mp4", "%d.mp4", "-dash.mp4", "[x]*.mp4"]
)
def test_names_are_taken_literally(
    program: Program,
    night: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(night.read_bytes())
    (tmp_path / "out").mkdir()
    outcome = program.done("--out", f"out/{name}", "--duration", 0.2, "--", name)
    assert probe(tmp_path / "out" / name).frames == 6
    assert len([ln for ln in outcome.out.splitlines() if ln.startswith("output")]) == 1


def test_sound_that_mp4_does_not_hold_is_made_anew_and_said(
    program: Program, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "c.mkv", size=SIZE, num_frames=30, audio="pcm_s16le")
    outcome = program.done(clip, "--out", tmp_path / "o.mp4")
    assert "made aac from pcm_s16le" in outcome.err
    assert len(packets_of(tmp_path / "o.mp4")) > 30
    program.done(clip, "--out", tmp_path / "o.mkv")
    assert [p[2] for p in packets_of(tmp_path / "o.mkv")] == [p[2] for p in packets_of(clip)]


def test_all_tracks_of_sound_are_copied_whatever_their_length(
    program: Program, tmp_path: Path
) -> None:
    clip = write_clip(
        tmp_path / "c.mp4", size=SIZE, num_frames=20, audio="aac", num_audio=2, audio_s=1.5
    )
    program.done(clip, "--out", tmp_path / "o.mp4")
    before, after = (sorted(packets_of(path)) for path in (clip, tmp_path / "o.mp4"))
    assert {packet[0] for packet in after} == {1, 2}
    assert after == before
