"""``losszero-rt live --serve`` as a user runs it, asked from outside how it does."""

import re
import signal
import subprocess
import sys
import threading
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmarks.options import Options
from benchmarks.program import ProgramError, read_report, start_program
from losszero_rt.timings import now_s

START_S, END_S = 120.0, 60.0
_ASK_S = 30.0
_INTERRUPTED = 130
_TAIL_LINES = 12
_FIGURE = re.compile(r"^(losszero_rt_\S+?(?:\{.*\})?) (\S+)$", re.MULTILINE)


class LiveProgram:
    """A live run with a page; its output is read all the time, so that it never waits for us.

    Args:
        process: The run, with a pipe for its output.
        report: Where it will write its report.

    Attributes:
        url: Address of its page.
        pid: Its number.

    Raises:
        ProgramError: It serves no page.
    """

    def __init__(self, process: "subprocess.Popen[str]", *, report: Path) -> None:
        self.pid = process.pid
        self._process, self._report = process, report
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._found = threading.Event()
        self.url = ""
        assert process.stdout is not None, "started with a pipe"
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()
        self._found.wait(START_S)
        if not self.url:
            raise ProgramError("losszero-rt live serves no page:\n" + "".join(self._tail))

    def check(self) -> None:
        """Demand that it still runs.

        Raises:
            ProgramError: It has ended; the message ends with its last lines.
        """
        code = self._process.poll()
        if code is not None:
            self._reader.join(END_S)
            tail = "".join(self._tail)
            raise ProgramError(f"losszero-rt live ended with {code}:\n{tail}")

    def figures(self) -> dict[str, float]:
        """Return the figures of ``/metrics`` by name with labels; the run's are of one moment.

        Raises:
            ProgramError: It has ended.
        """
        self.check()
        with urllib.request.urlopen(f"{self.url}metrics", timeout=_ASK_S) as answer:
            text = answer.read().decode()
        return {name: float(value) for name, value in _FIGURE.findall(text)}

    def end(self) -> dict[str, Any]:
        """End it as Ctrl-C does, and return its report.

        Raises:
            ProgramError: It ended otherwise, or not at all.
        """
        self.check()
        self._process.send_signal(signal.SIGINT)
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired as error:
            raise ProgramError(f"losszero-rt live did not end within {END_S:.0f} s") from error
        if code != _INTERRUPTED:
            self.check()
        return read_report(self._report)

    def _read(self, output: IO[str]) -> None:
        for line in output:
            self._tail.append(line)
            if not self.url and (found := re.search(r"http://\S+/", line)):
                self.url = found[0]
                self._found.set()
        self._found.set()


@contextmanager
def live_program(
    options: Options, source: str, *words: str, name: str, apart: bool = False
) -> Iterator[LiveProgram]:
    """Run ``losszero-rt live`` with a page; it is gone when the body ends, however that ends.

    Args:
        options: The model, and where the report goes.
        source: What to show.
        words: Further options of the command line.
        name: Of the report, without suffix.
        apart: Whether a Ctrl-C at the terminal does not reach it.

    Raises:
        ProgramError: It serves no page.
    """
    report = options.work / f"{name}.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "losszero_rt", "live", source, "--serve", "0", "--force"]
    command += ["--report", str(report), *words]
    if options.model != Options.model:
        command += ["--model", options.model, "--allow-unverified"]
    process = start_program(command, silent=False, apart=apart)
    try:
        yield LiveProgram(process, report=report)
    finally:
        process.kill()
        process.wait()


def wait_for(
    program: LiveProgram, name: str, *, value: float, limit_s: float = START_S
) -> Mapping[str, float]:
    """Wait until a figure has a value; return the figures of that moment.

    Raises:
        ProgramError: It never had, or the run ended.
    """
    until_s = now_s() + limit_s
    while now_s() < until_s:
        figures = program.figures()
        if figures.get(name) == value:
            return figures
        threading.Event().wait(0.1)
    raise ProgramError(f"{name} was not {value:g} within {limit_s:.0f} s")
