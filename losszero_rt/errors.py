"""Errors of the project and the exit codes they end in.

A message has up to three beats: what came, what is accepted, what to do next. Everything that
reaches a person goes through :func:`clean_text`, so terminal escapes and URL secrets never do.
"""

import re
from enum import IntEnum

from losszero_rt.scrubbing import scrubbed

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ExitCode(IntEnum):
    """Exit codes of the command line."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INPUT = 3
    MODEL = 4
    OUTPUT = 5
    LOSSES = 6
    SIGHUP = 129
    SIGINT = 130
    SIGTERM = 143


def clean_text(text: str) -> str:
    """Return one printable line: no control characters, no secrets of URLs."""
    return scrubbed(printable(text))


def printable(text: str) -> str:
    """Return one line without control characters."""
    return _ESCAPES.sub("", re.sub(r"\s*[\t\r\n]+\s*", " ", text))


def reason_of(error: BaseException) -> str:
    """Return what went wrong, without the path: the system's words, or the kind of the error."""
    return getattr(error, "strerror", None) or type(error).__name__


class LossZeroError(Exception):
    """Base of all errors that are shown to a person as one line.

    Args:
        came: What was met, with the name of the file or option concerned.
        accepted: What would have been accepted; may be empty.
        remedy: What to do next, as a command where one exists; may be empty.
    """

    exit_code: ExitCode = ExitCode.INTERNAL

    def __init__(self, came: str, *, accepted: str = "", remedy: str = "") -> None:
        beats = [clean_text(beat).rstrip(".") for beat in (came, accepted, remedy) if beat]
        super().__init__(". ".join(beats))


class UsageError(LossZeroError):
    """The command line, configuration or API call is wrong (exit 2)."""

    exit_code = ExitCode.USAGE


class InputError(LossZeroError):
    """A source cannot be read (exit 3)."""

    exit_code = ExitCode.INPUT


class DeniedError(InputError):
    """A source that was never connected refuses the login: more attempts may lock it (exit 3)."""


class ModelError(LossZeroError):
    """A bundle or engine is refused (exit 4)."""

    exit_code = ExitCode.MODEL


class NotFiniteError(ModelError):
    """A network overflows: its labels would look like any others (exit 4).

    Args:
        what: What overflows.
        precision: What executes.

    Attributes:
        fault: The first beat, without its subject.
    """

    def __init__(self, what: str, *, precision: str) -> None:
        self.fault = f"overflows in {precision}: its values are not finite"
        super().__init__(
            f"{what} {self.fault}",
            accepted="arithmetic that holds what the network computes",
            remedy="--precision fp32" if precision != "fp32" else "losszero-rt verify MODEL",
        )


class OutputError(LossZeroError):
    """An output cannot be written or does not hold what it must (exit 5)."""

    exit_code = ExitCode.OUTPUT
