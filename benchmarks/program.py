"""Running programs as a user does, from outside: wall clock, processor time, and their lines."""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.options import ROOT, Options
from losszero_rt.caches import VARIABLE
from losszero_rt.timings import now_s

TIMEOUT_S = 600.0
_TAIL_LINES = 12


class ProgramError(RuntimeError):
    """A program ended with an exit code other than 0."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A program that has run.

    Attributes:
        wall_s: From before it was started until it had ended, seconds.
        cpu_s: Processor time of all its threads, user and system, seconds.
        lines: What it printed, each line with the seconds since the start when it came.
    """

    wall_s: float
    cpu_s: float
    lines: tuple[tuple[float, str], ...]


def run_program(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    timeout_s: float = TIMEOUT_S,
) -> Finished:
    """Run a program to its end.

    Args:
        command: Program and arguments.
        environment: Variables to add.
        folder: Where it runs.
        timeout_s: It is killed after so many seconds.

    Raises:
        ProgramError: It failed; the message ends with its last lines.
    """
    words = [str(word) for word in command]
    cpu_before_s, start_s = children_cpu_s(), now_s()
    process = start_program(words, environment=environment, folder=folder, silent=False)
    killer = threading.Timer(timeout_s, process.kill)
    killer.start()
    assert process.stdout is not None, "started with a pipe"
    lines = tuple((now_s() - start_s, line.rstrip("\n")) for line in process.stdout)
    code = process.wait()
    wall_s = now_s() - start_s
    killer.cancel()
    process.stdout.close()
    if code:
        tail = "\n".join(line for _, line in lines[-_TAIL_LINES:])
        raise ProgramError(f"{' '.join(words)} ended with {code} after {wall_s:.0f} s:\n{tail}")
    return Finished(wall_s=wall_s, cpu_s=children_cpu_s() - cpu_before_s, lines=lines)


def start_program(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    silent: bool = True,
    apart: bool = False,
) -> "subprocess.Popen[str]":
    """Start a program without any setting of ours in its environment; its output is one stream.

    Where caches lie is no setting of a program.

    Args:
        command: Program and arguments.
        environment: Variables to add.
        folder: Where it runs.
        silent: Whether its output is thrown away; it can be read otherwise.
        apart: Whether it is in a session of its own, where no Ctrl-C that is meant for us comes.
    """
    inherited = {
        k: v for k, v in os.environ.items() if k == VARIABLE or not k.startswith("LOSSZERO_")
    }
    return subprocess.Popen(
        command,
        cwd=folder,
        env={**inherited, "PYTHONUNBUFFERED": "1", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if silent else subprocess.PIPE,
        stderr=subprocess.DEVNULL if silent else subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=apart,
    )


def children_cpu_s() -> float:
    """Return the processor time of all programs that have ended so far, seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def our_command(
    options: Options,
    source: Path,
    *,
    report: Path,
    out: Path | None = None,
    masks: Path | None = None,
) -> list[str]:
    """Return our command line with default options for one source."""
    words = [sys.executable, "-m", "losszero_rt", str(source), "--force", "--report", str(report)]
    words += ["--out", str(out)] if out else []
    words += ["--masks", str(masks)] if masks else []
    if options.model != Options.model:
        words += ["--model", options.model, "--allow-unverified"]
    return words


def read_report(path: Path) -> dict[str, Any]:
    """Read a JSON object that a program wrote."""
    report = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(report, dict), f"{path} holds a JSON object"
    return report
