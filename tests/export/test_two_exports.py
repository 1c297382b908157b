"""Exports to one place, as processes that run at once or are killed on the way."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from losszero_rt.bundle import MANIFEST_NAME, Bundle
from losszero_rt.errors import ExitCode

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PATIENCE_S = 100
# Holds the folder of a bundle that it is about to write until somebody ends it.
_HOLD = """
import sys, time
from pathlib import Path
from losszero_rt.bundle import new_bundle_folder
with new_bundle_folder(Path(sys.argv[1]), force=True) as folder:
    (folder / "half").write_text("half")
    (folder / "deep").mkdir()
    print("held", flush=True)
    sys.stdin.read()
"""


def start_export(checkpoint: Path, out: Path) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "export", checkpoint, "--out", out, "--precision", "fp32"]
    words.append("--no-portable")
    return subprocess.Popen(
        list(map(str, words)), cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def start_and_see_weights(checkpoint: Path, out: Path) -> "subprocess.Popen[str]":
    """Start an export and wait until a part of its bundle is there."""
    process = start_export(checkpoint, out)
    deadline = time.monotonic() + PATIENCE_S
    while not (out.parent / f".{out.name}.bundle-part" / "weights.safetensors").exists():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    return process


def hold(out: Path) -> "subprocess.Popen[str]":
    """Start a process that is writing ``out``, and wait until it is."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(out)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> None:
    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)


def refusal(checkpoint: Path, out: Path) -> str:
    process = start_export(checkpoint, out)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == ExitCode.OUTPUT, err
    return err.splitlines()[-1]


@pytest.fixture(scope="module")
def checkpoint(bundle: Bundle) -> Path:
    """The checkpoint that the bundle beside it was made of."""
    return bundle.path.parent / "checkpoint"


def test_a_second_export_to_the_same_place_waits_for_the_first(
    checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small"
    first = hold(out)
    second = start_export(checkpoint, out)
    assert second.stderr is not None
    line = second.stderr.readline()
    assert f"another process is writing {out}: waiting until it is done" in line
    assert second.poll() is None
    assert (tmp_path / ".small.bundle-part" / "half").read_text() == "half", "the first goes on"
    end(first, signal.SIGKILL)
    _, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == ExitCode.OK, err
    assert Bundle.open(out).name == "small"
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_export_that_waits_can_be_ended(
    checkpoint: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "small"
    first = hold(out)
    second = start_export(checkpoint, out)
    assert second.stderr is not None
    assert "waiting" in second.stderr.readline()
    second.send_signal(number)
    _, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == 128 + number, err
    assert (tmp_path / ".small.bundle-part" / "half").exists(), "it is the first one's"
    assert first.poll() is None
    end(first, signal.SIGKILL)


def test_what_was_written_while_one_waited_is_not_replaced(
    checkpoint: Path, tmp_path: Path
) -> None:
    out = tmp_path / "small"
    first = hold(out)
    second = start_export(checkpoint, out)
    assert second.stderr is not None
    assert "waiting" in second.stderr.readline()
    assert first.stdin is not None
    first.communicate(timeout=PATIENCE_S)
    _, err = second.communicate(timeout=PATIENCE_S)
    assert second.returncode == ExitCode.OUTPUT
    assert f"{out} exists" in err
    assert (out / "half").read_text() == "half"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_what_an_ended_process_leaves_stops_nobody(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "small"
    end(hold(out), number)
    assert not out.exists()
    again = hold(out)
    assert sorted(path.name for path in (tmp_path / ".small.bundle-part").iterdir()) == [
        "deep",
        "half",
    ]
    assert again.stdin is not None
    (tmp_path / ".small.bundle-part" / MANIFEST_NAME).write_text("{}")
    again.communicate(timeout=PATIENCE_S)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small"]


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (signal.SIGINT, "interrupted"),
        (signal.SIGTERM, "SIGTERM"),
        (signal.SIGHUP, "SIGHUP"),
    ],
)
def test_an_export_that_is_ended_leaves_nothing_and_says_so(
    checkpoint: Path, tmp_path: Path, number: signal.Signals, word: str
) -> None:
    # Whoever tests under nohup would hand its deafness on.
    kept = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    process = start_and_see_weights(checkpoint, tmp_path / "small")
    signal.signal(signal.SIGHUP, kept)
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == f"{word}: nothing was written"
    assert list(tmp_path.iterdir()) == []


def test_what_killed_exports_left_is_removed_by_the_next_one_beside_it(
    checkpoint: Path, tmp_path: Path
) -> None:
    end(start_and_see_weights(checkpoint, tmp_path / "killed"), signal.SIGKILL)
    assert (tmp_path / ".killed.bundle-part").is_dir()
    (tmp_path / ".mine.part").mkdir()
    (tmp_path / ".linked.bundle-part").symlink_to(tmp_path / ".mine.part")
    alive = hold(tmp_path / "alive")
    again = hold(tmp_path / "again")
    assert not (tmp_path / ".killed.bundle-part").exists()
    left = {".mine.part", ".linked.bundle-part", ".alive.bundle-part", ".again.bundle-part"}
    assert {path.name for path in tmp_path.iterdir()} == left
    assert (tmp_path / ".alive.bundle-part" / "half").read_text() == "half"
    end(alive, signal.SIGKILL)
    end(again, signal.SIGKILL)


def test_a_replacement_that_was_killed_half_way_is_undone(tmp_path: Path) -> None:
    out, aside = tmp_path / "small", tmp_path / ".small.bundle-old"
    aside.mkdir()
    (aside / MANIFEST_NAME).write_text(json.dumps({"old": True}))
    # Between its two renames a process has neither the old bundle nor the new one in its place.
    end(hold(out), signal.SIGKILL)
    assert json.loads((out / MANIFEST_NAME).read_text()) == {"old": True}
    assert not aside.exists()


def test_a_link_in_the_way_is_not_followed(checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("kept")
    (tmp_path / ".small.bundle-part").symlink_to(tmp_path / "elsewhere")
    assert "cannot be written" in refusal(checkpoint, tmp_path / "small")
    assert (tmp_path / "elsewhere" / "precious").read_text() == "kept"
