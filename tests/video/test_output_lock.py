"""One writer at a time: the lock of an output keeps others away, and outlives nobody."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from losszero_rt.errors import OutputError
from losszero_rt.video.output_lock import OutputLock, probe_output

ROOT = Path(__file__).parents[2]
HOLDER = """
    import sys, time
    from pathlib import Path
    from losszero_rt.video.output_lock import OutputLock
    lock = OutputLock(Path(sys.argv[1]))
    print("held", flush=True)
    time.sleep(100)
"""


@contextmanager
def held_elsewhere(path: Path) -> "Iterator[subprocess.Popen[str]]":
    """Have another process hold the lock of an output."""
    command = [sys.executable, "-c", textwrap.dedent(HOLDER), str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_other_process_is_kept_away_until_it_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    with held_elsewhere(out) as process:
        for take in (OutputLock, probe_output):
            with pytest.raises(OutputError, match=r"is being written.*one run.*wait until"):
                take(out)
        process.kill()
        process.wait()
        OutputLock(out).release()
    assert list(tmp_path.iterdir()) == []


def test_second_writer_of_the_same_process_is_kept_away_too(tmp_path: Path) -> None:
    lock = OutputLock(tmp_path / "o.mp4")
    with pytest.raises(OutputError):
        OutputLock(tmp_path / "o.mp4")
    OutputLock(tmp_path / "other.mp4").release()
    lock.release()
    lock.release()
    OutputLock(tmp_path / "o.mp4").release()
    assert list(tmp_path.iterdir()) == []


def test_file_of_that_name_which_holds_something_is_not_taken_away(tmp_path: Path) -> None:
    theirs = tmp_path / "poetry.lock"
    theirs.write_text("of somebody else")
    OutputLock(tmp_path / "poetry").release()
    assert theirs.read_text() == "of somebody else"


def test_lock_is_not_placed_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "o.mp4.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be written"):
        OutputLock(tmp_path / "o.mp4")
    assert not (tmp_path / "elsewhere").exists()


def test_what_was_finished_a_moment_ago_is_refused_and_nothing_stays(tmp_path: Path) -> None:
    out, asked = tmp_path / "o.mp4", []

    def check() -> None:
        asked.append(out.exists())
        if out.exists():
            raise OutputError("exists")
        out.touch()  # another process, in between

    with pytest.raises(OutputError, match="exists"):
        OutputLock.claim(out, check=check)
    assert asked == [False, True]
    assert list(tmp_path.iterdir()) == [out]
