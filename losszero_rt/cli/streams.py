"""The standard streams: whatever is wrong with them, the work goes on."""

import os
import sys
from typing import TextIO

import click

from losszero_rt.errors import OutputError


def occupy_standard_streams() -> None:
    """Give closed standard streams a place to go, or the first output file would get their number.

    Libraries write their complaints to number 2 whatever it is, and so into that file.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def say(text: str) -> None:
    """Print text on standard output; a reader that has gone is no error.

    Raises:
        OutputError: Standard output takes nothing.
    """
    try:
        click.echo(printable(text, stream=sys.stdout))
    except BrokenPipeError:
        _silence()
    except OSError as error:
        raise refused_by(error) from error


def refused_by(error: OSError) -> OutputError:
    """Return the error of a standard output that takes nothing; it is not tried again."""
    _silence()
    return OutputError(
        f"the standard output cannot be written: {error.strerror}",
        accepted="a terminal, a pipe or a file on a disk with room",
        remedy="files that were asked for are complete; only the text is missing",
    )


def _silence() -> None:
    """Have what Python flushes at exit go nowhere, so that it does not complain again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str, *, stream: TextIO | None) -> str:
    """Return text as a stream can show it: other characters and broken names become ``?``."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
