"""Signals, crashes, and what remains of them: tested on real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from losszero_rt.video import probe
from losszero_rt.video.output_path import part_of
from tests.cli.program import ROOT, finish, read_json, read_lines, start
from tests.media import packets_of, read_clip, read_index, write_clip

NUM_FRAMES = 2000
GOP = 30
AS_IT_IS = ("--alpha", "0", "--no-legend", "--no-hud", "--preset", "medium")


@pytest.fixture(scope="session")
def ride(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A numbered clip that takes a while, with sound; only to be read."""
    folder = tmp_path_factory.mktemp("long")
    return write_clip(folder / "ride.mp4", size=(96, 192), num_frames=NUM_FRAMES, audio="aac")


def interrupted(
    ride: Path, folder: Path, *signals: signal.Signals, bundle: Path, after: int = 100
) -> "subprocess.Popen[str]":
    """Start a run and send it signals once some frames are written."""
    words = (ride, "--out", folder / "o.mp4", "--report", folder / "r.json")
    process = start(*words, "--json", folder / "l.jsonl", *AS_IT_IS, bundle=bundle)
    lines = folder / "l.jsonl.part"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if lines.exists() and lines.read_bytes().count(b"\n") >= after:
            break
        time.sleep(0.005)
    assert process.poll() is None, "the run ended before it could be interrupted"
    for number in signals:
        process.send_signal(number)
    return process


def shown(path: Path) -> list[int]:
    """Frame numbers read off the pictures."""
    return [read_index(frame.planes) for frame in read_clip(path)[1]]


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_signal_ends_reading_and_finishes_everything(
    ride: Path, tmp_path: Path, bundle: Path, number: signal.Signals, code: int
) -> None:
    process = interrupted(ride, tmp_path, number, bundle=bundle)
    start_s = time.monotonic()
    outcome = finish(process)
    # 3 s are promised on a machine that does nothing else.
    assert time.monotonic() - start_s < 6
    assert outcome.code == code
    assert "Traceback" not in outcome.err
    numbers = shown(tmp_path / "o.mp4")
    assert 100 <= len(numbers) < NUM_FRAMES
    assert numbers == list(range(len(numbers)))
    report = read_json(tmp_path / "r.json")
    assert report["exit_code"] == code
    assert report["frames"]["read"] == report["frames"]["shown"] == len(numbers)
    assert report["output"]["frames"] == len(numbers)
    assert len(read_lines(tmp_path / "l.jsonl")) == len(numbers) + 1
    assert not list(tmp_path.glob("*.part*"))


def test_second_signal_ends_at_once_and_leaves_a_playable_part(
    ride: Path, tmp_path: Path, bundle: Path
) -> None:
    # Two of a kind may arrive as one; two kinds never do.
    process = interrupted(ride, tmp_path, signal.SIGINT, signal.SIGTERM, bundle=bundle)
    outcome = finish(process)
    assert outcome.code == 143
    assert not (tmp_path / "o.mp4").exists()
    numbers = shown(part_of(tmp_path / "o.mp4"))
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 100 - GOP


@pytest.mark.slow
def test_kill_leaves_a_playable_part_and_resume_goes_on_with_it(
    ride: Path, tmp_path: Path, bundle: Path
) -> None:
    out = tmp_path / "o.mp4"
    interrupted(ride, tmp_path, signal.SIGKILL, bundle=bundle, after=200).wait()
    assert not out.exists()
    kept = shown(part_of(out))
    assert kept == list(range(len(kept)))
    assert len(kept) >= 200 - GOP
    left = packets_of(part_of(out), "video")
    words = (ride, "--out", out, "--report", tmp_path / "r.json", "--resume", *AS_IT_IS)
    outcome = finish(start(*words, bundle=bundle))
    assert outcome.code == 0, outcome.err
    assert shown(out) == list(range(NUM_FRAMES))
    assert list(probe(out).pts) == list(probe(ride).pts)
    assert [p[1:] for p in packets_of(out)] == [p[1:] for p in packets_of(ride)]
    report = read_json(tmp_path / "r.json")
    resumed = report["resumed_frames"]
    assert 100 <= resumed <= len(kept)
    assert report["frames"]["read"] == NUM_FRAMES - resumed
    assert report["output"]["frames"] == NUM_FRAMES
    copied = packets_of(out, "video")[:resumed]
    assert [p[2] for p in copied] == [p[2] for p in left[:resumed]], "copied, not made again"
    assert not list(tmp_path.glob("o.mp4.*"))
    again = finish(start(*words, bundle=bundle))
    assert again.code == 0
    assert "left as it is" in again.err
    assert read_json(tmp_path / "r.json") == report, "nothing was run, nothing is reported"


def run_with(bundle: Path, ride: Path, out: Path, **options: object) -> int:
    """Run a short job with streams of one's own; return its exit code."""
    words = [sys.executable, "-m", "losszero_rt", str(ride), "--duration", "0.5", "--out", str(out)]
    environment = {**os.environ, "LOSSZERO_MODEL": str(bundle)}
    return subprocess.run(words, cwd=ROOT, env=environment, check=False, **options).returncode  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_reader_that_has_gone_does_not_stop_the_work(
    bundle: Path, tmp_path: Path, stream: str
) -> None:
    odd = write_clip(tmp_path / "c.mp4", size=(95, 161), num_frames=20, pix_fmt="yuv444p")
    read_end, write_end = os.pipe()
    os.close(read_end)
    other = {"stdout": "stderr", "stderr": "stdout"}[stream]
    streams = {stream: write_end, other: subprocess.DEVNULL}
    code = run_with(bundle, odd, tmp_path / "o.mp4", **streams)
    os.close(write_end)
    assert code == 0
    assert probe(tmp_path / "o.mp4").frames == 15


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_closed_streams_do_not_end_up_in_the_output(
    bundle: Path, ride: Path, tmp_path: Path, closed: tuple[int, ...]
) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    code = run_with(bundle, ride, tmp_path / "o.mp4", preexec_fn=close, capture_output=True)
    assert code == 0
    assert shown(tmp_path / "o.mp4") != []
    assert probe(tmp_path / "o.mp4").frames == 15


@pytest.mark.parametrize("plain", [False, True])
def test_progress_line_is_for_terminals_without_no_color(
    bundle: Path, ride: Path, tmp_path: Path, plain: bool
) -> None:
    import pty

    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "losszero_rt", str(ride), "--out", str(tmp_path / "o.mp4")]
    words += [
        "--preset",
        "slow",
        "--duration",
        "25",
    ]  # it has to take longer than it takes to redraw the line
    environment = {**os.environ, "LOSSZERO_MODEL": str(bundle), "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    if plain:
        environment["NO_COLOR"] = "1"
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment, stderr=theirs, stdout=subprocess.DEVNULL
    )
    os.close(theirs)
    shown_text = b""
    try:
        while chunk := os.read(ours, 4096):
            shown_text += chunk
    except OSError:
        pass  # how a terminal says that nobody writes to it any more
    os.close(ours)
    assert process.wait(60) == 0
    assert (b"frames, " in shown_text) != plain
    assert (b"\x1b" in shown_text) != plain


@pytest.mark.parametrize("utf8", ["0", "1"])
def test_plain_c_locale_survives_any_file_name(
    bundle: Path, ride: Path, tmp_path: Path, utf8: str
) -> None:
    clip = tmp_path / "nächtliche Fahrt 夜.mp4"
    clip.write_bytes(ride.read_bytes())
    locale = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": utf8}
    out = tmp_path / "über.mp4"
    words = (clip, "--out", out, "--duration", "0.2", "--json", tmp_path / "l")
    outcome = finish(start(*words, bundle=bundle, **locale))
    assert outcome.code == 0, outcome.err
    assert probe(out).frames == 6
    failed = finish(start(tmp_path / "weg ü.mp4", "--out", out, "--force", bundle=bundle, **locale))
    assert failed.code == 3
    assert len(failed.err.splitlines()) == 1


def test_help_needs_none_of_the_libraries() -> None:
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(('av', 'openvino', 'torch', 'cv2', 'numpy')))\n"
        "from losszero_rt.cli import main\n"
        "main(['--help'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "doctor" in done.stdout


def test_missing_openvino_is_a_refused_model(bundle: Path, ride: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "sys.modules['openvino'] = None\n"
        "from losszero_rt.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    words = [str(ride), "--out", str(tmp_path / "o.mp4"), "--model", str(bundle)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 4
    assert "pip install openvino" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_run_opens_no_socket_and_starts_no_process(
    bundle: Path, ride: Path, tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "def watch(event, _):\n"
        "    if event.startswith(('socket.', 'subprocess.', 'os.fork', 'os.posix_spawn')):\n"
        "        print('seen', event, file=sys.stderr)\n"
        "sys.addaudithook(watch)\n"
        "from losszero_rt.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    words = [str(ride), "--out", str(tmp_path / "o.mp4"), "--model", str(bundle)]
    words += ["--report", str(tmp_path / "r.json"), "--duration", "1"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "seen" not in done.stderr
