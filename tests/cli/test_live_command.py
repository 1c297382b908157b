"""``losszero-rt live`` on synthetic sources: outputs, report, and what is refused at once."""

import json
import socket
from contextlib import suppress
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import numpy as np
import pytest

from losszero_rt.pipeline import live_job
from losszero_rt.serve import DEFAULT_PORT
from losszero_rt.video import probe
from tests.cli.program import Program, read_json, read_lines
from tests.media import read_clip

RIDE = "lavfi:testsrc2=size=192x96:rate=30"
PLAIN = ("--no-legend", "--no-hud", "--policy", "all")


def schema(name: str) -> Any:
    return json.loads((files("losszero_rt") / "schema" / f"{name}.schema.json").read_text())


@pytest.mark.slow
def test_recording_report_and_lines_agree(program: Program, tmp_path: Path) -> None:
    out, report_path, lines = tmp_path / "o.mp4", tmp_path / "r.json", tmp_path / "l.jsonl"
    words = (RIDE, "--duration", 2, "--record", out, "--report", report_path, "--json", lines)
    outcome = program.done("live", *words, *PLAIN)
    assert "captured to handed on" in outcome.out
    assert "no gap, all" in outcome.out
    report = read_json(report_path)
    jsonschema.validate(report, schema("report"))
    shown = report["frames"]["shown"]
    assert shown >= 15
    assert probe(out).frames == report["output"]["frames"] == shown
    assert report["live"]["rate_measured"] == pytest.approx(30, rel=0.05)
    assert report["live"]["ended_by"] == "duration"
    frames = read_lines(lines)
    for frame in frames[:-1]:
        jsonschema.validate(frame, schema("frame"))
    assert len(frames) - 1 == report["frames"]["read"]
    assert frames[-1]["report"] == report
    assert not list(tmp_path.glob("*.part"))


def test_duration_is_exact_to_a_frame(program: Program, tmp_path: Path) -> None:
    out, report_path = tmp_path / "o.mkv", tmp_path / "r.json"
    source = "lavfi:testsrc2=size=192x96:rate=10"
    words = ("--duration", 1.5, "--record", out, "--report", report_path, *PLAIN)
    program.done("live", source, *words)
    report = read_json(report_path)
    assert report["frames"]["read"] == report["frames"]["shown"] == 15
    assert probe(out).frames == 15
    assert report["live"]["ended_by"] == "duration"


@pytest.mark.slow
def test_recording_keeps_the_times_of_what_was_shown(program: Program, tmp_path: Path) -> None:
    out, lines = tmp_path / "o.mp4", tmp_path / "l.jsonl"
    words = ("--duration", 2, "--record", out, "--json", lines, "--max-fps", 10)
    program.done("live", RIDE, *words, "--no-legend", "--no-hud")
    read = [line for line in read_lines(lines)[:-1] if line["fate"] == "shown"]
    report = probe(out)
    times_s = np.array([float(pts * report.time_base) for pts in report.pts])
    asked_s = np.array([line["time"] for line in read])
    assert times_s == pytest.approx(asked_s - asked_s[0], abs=1e-4)
    assert np.diff(times_s).min() > 0.06, "ten a second at most, with a camera's jitter"


@pytest.mark.slow
def test_frames_left_out_on_wish_are_no_losses(program: Program, tmp_path: Path) -> None:
    words = ("--duration", 2, "--json", tmp_path / "l", "--report", tmp_path / "r.json")
    program.done("live", RIDE, *words, "--policy", "all", "--max-fps", 10, "--max-loss", 0)
    by_reason = read_json(tmp_path / "r.json")["frames"]["dropped_by_reason"]
    assert by_reason["max-fps"] > 10


@pytest.mark.slow
def test_segments_are_written_one_after_the_other(program: Program, tmp_path: Path) -> None:
    words = ("--record", tmp_path / "o.mkv", "--segment-minutes", 0.02, "--duration", 3)
    program.done("live", RIDE, *words, "--report", tmp_path / "r.json", *PLAIN)
    report = read_json(tmp_path / "r.json")
    segments = report["live"]["segments"]
    assert [Path(s["path"]).name for s in segments] == ["o-000.mkv", "o-001.mkv", "o-002.mkv"]
    assert sum(s["frames"] for s in segments) == report["frames"]["shown"]
    for segment, following in pairwise(segments):
        assert following["start_s"] == pytest.approx(segment["start_s"] + 1.2, abs=0.25)
    assert [probe(Path(s["path"])).frames for s in segments] == [s["frames"] for s in segments]
    again = program("live", RIDE, *words, *PLAIN)
    assert (again.code, "o-000.mkv exists" in again.error_line) == (5, True)


@pytest.mark.parametrize("words", [(), ("--segment-minutes", 0.02)])
def test_a_full_recording_ends_the_run(
    program: Program, tmp_path: Path, words: tuple[object, ...]
) -> None:
    noise = "lavfi:testsrc2=size=320x180:rate=30,noise=alls=100:allf=t"
    limit = ("--record", tmp_path / "o.mp4", "--max-record-mb", 2, *words)
    program.done("live", noise, *limit, "--report", tmp_path / "r.json", *PLAIN)
    report = read_json(tmp_path / "r.json")
    assert report["live"]["ended_by"] == "size"
    files = sorted(tmp_path.glob("*.mp4"))
    assert len(files) == len(report["live"]["segments"])
    assert (len(files) > 1) is bool(words)
    assert 2e6 <= sum(path.stat().st_size for path in files) <= 2.4e6
    assert sum(probe(path).frames for path in files) == report["frames"]["shown"]


@pytest.mark.slow
def test_figures_are_drawn_along_the_bottom(program: Program, tmp_path: Path) -> None:
    source = "lavfi:color=gray:size=640x360:rate=30"
    for name, hud in (("with", "--hud"), ("without", "--no-hud")):
        out = tmp_path / f"{name}.mp4"
        words = ("--record", out, "--duration", 1, "--no-legend", "--alpha", 0, hud, "--crf", 10)
        program.done("live", source, *words)
    with_hud, without = (
        read_clip(tmp_path / f"{name}.mp4")[1][-1].planes.y.astype(int)
        for name in ("with", "without")
    )
    assert np.abs(with_hud - without)[:300].max() < 12
    assert np.abs(with_hud - without)[330:].max() > 60


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail when the model is loaded."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("the model was loaded first")

    monkeypatch.setattr(live_job, "open_model", refuse)


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        ((RIDE,), 2, "--serve 8080"),
        ((RIDE, "--report", "r.json"), 2, "--serve 8080"),
        ((RIDE, "--record", "o.xyz"), 2, ".mp4, .mkv, .mov, .webm"),
        ((RIDE, "--record", "none/o.mp4"), 5, "does not exist"),
        ((RIDE, "--record", "taken.mp4"), 5, "--force"),
        ((RIDE, "--record", "o.mp4", "--json", "none/l"), 5, "--json"),
        ((RIDE, "--record", "o.mp4", "--report", "o.mp4"), 2, "different names"),
        ((RIDE, "--record", "o.mp4", "--report", "o-001.mp4"), 2, "the recording o.mp4 may need"),
        ((RIDE, "--record", "o.mp4", "--json", "o.mp4.part"), 2, "another name"),
        ((RIDE, "--record", "o.mp4", "--codec", "libvpx-vp9"), 2, "does not go into mp4"),
        ((RIDE, "--record", "o.mp4", "--preset", "warp"), 2, "ultrafast"),
        ((RIDE, "--record", "o.mp4", "--policy", "newest"), 2, "'latest'"),
        ((RIDE, "--record", "o.mp4", "--deadline-ms", "-1"), 2, "--deadline-ms"),
        ((RIDE, "--record", "o.mp4", "--input-fps", "fast"), 2, "30000/1001"),
        ((RIDE, "--record", "o.mp4", "--width", "640"), 2, "--height"),
        ((RIDE, "--record", "o.mp4", "--width", "640", "--height", "360"), 2, "a camera"),
        ((RIDE, "--segment-minutes", "5", "--serve", "0"), 2, "--record"),
        ((RIDE, "--serve", "80a"), 2, "--serve 8080"),
        (("--serve", RIDE), 2, "'SOURCE' after --serve, which takes what follows"),
        ((RIDE, "--serve", "0", "--token", "short"), 2, "token"),
        ((RIDE, "--serve", "0", "--cert", "c.pem"), 2, "--key"),
        (("ftp://host/x", "--serve", "0"), 2, "rtsp://"),
        (("file:///etc/passwd", "--serve", "0"), 2, "rtsp://"),
        (("night.mp4", "--serve", "0"), 2, "rtsp://"),
        ((), 2, "SOURCE"),
    ],
)
def test_refusal(
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    code: int,
    text: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken.mp4").write_bytes(b"a ride")
    outcome = program("live", *words)
    assert (outcome.code, outcome.out) == (code, ""), outcome.err
    assert text in outcome.error_line
    assert [path.name for path in tmp_path.iterdir()] == ["taken.mp4"]


@pytest.mark.usefixtures("no_model")
def test_taken_port_is_said_before_the_model_loads(program: Program) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        outcome = program("live", RIDE, "--serve", port)
    assert outcome.code == 5
    assert str(port) in outcome.error_line


@pytest.mark.usefixtures("no_model")
@pytest.mark.parametrize("words", [("--serve",), ("--serve", "--quiet")])
def test_page_lies_at_8080_where_no_place_is_named(
    program: Program, words: tuple[str, ...]
) -> None:
    with socket.socket() as other:
        with suppress(OSError):  # somebody has it already
            other.bind(("127.0.0.1", DEFAULT_PORT))
            other.listen()
        outcome = program("live", RIDE, *words)
    assert outcome.code == 5
    assert str(DEFAULT_PORT) in outcome.error_line


@pytest.mark.usefixtures("no_model")
def test_window_without_display_is_refused_at_the_start(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    outcome = program("live", RIDE, "--show")
    assert outcome.code == 2
    assert "--serve 8080" in outcome.error_line


def test_missing_camera_ends_with_3_and_leaves_nothing(program: Program, tmp_path: Path) -> None:
    outcome = program(
        "live", "/dev/video97", "--json", tmp_path / "l", "--record", tmp_path / "o.mp4"
    )
    assert outcome.code == 3
    assert "/dev/video97" in outcome.error_line
    assert "cameras" in outcome.error_line
    assert list(tmp_path.iterdir()) == []


def test_heat_of_a_model_without_maps_ends_with_4(program: Program, tmp_path: Path) -> None:
    outcome = program("live", RIDE, "--record", tmp_path / "o.mp4", "--cam", "rider")
    assert outcome.code == 4
    assert "class activation maps" in outcome.error_line
    assert list(tmp_path.iterdir()) == []


def test_settings_are_shown_without_their_secrets(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSZERO_SOURCE", "rtsp://me:hunter2@host/x?token=abcdef")
    outcome = program.done("live", "--token", "hunter3-hunter3", "--show-config")
    assert "hunter" not in outcome.out + outcome.err
    assert "abcdef" not in outcome.out
    assert 'source = "rtsp://***@host/x?token=***"  # environment' in outcome.out.splitlines()
    assert 'token = "***"  # command line' in outcome.out.splitlines()


@pytest.mark.parametrize("command", ["live", "run"])
def test_help_groups_every_option_once(program: Program, command: str) -> None:
    text = program.done(command, "--help").out
    headings = [line for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert headings[1:] == sorted(set(headings[1:]), key=headings.index)
    assert "Picture:" in headings
    assert headings[-1] == "Other options:"
    rest = text.partition("Other options:")[2]
    flags = [word for word in rest.split() if word.startswith("--")]
    assert flags == ["--config", "--show-config", "--verbose", "--quiet", "--help"]
