"""The standard streams: whatever is wrong with them, the work goes on."""

import os
import sys
from typing import TextIO

import click


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
    """Print text on standard output; a reader that has gone is no error."""
    try:
        click.echo(printable(text, stream=sys.stdout))
    except BrokenPipeError:
        # What Python flushes at exit must not complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def printable(text: str, *, stream: TextIO | None) -> str:
    """Return text as a stream can show it: other characters and broken names become ``?``."""
    encoding = getattr(stream, "encoding", None) or "ascii"
    return text.encode(encoding, "replace").decode(encoding)
