"""How a run ends: its exit code, and JSON files that are whole or absent."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from losszero_rt.errors import ExitCode, LossZeroError, OutputError
from losszero_rt.frame import VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.report import SourceResult


def exit_code_of(
    results: Sequence[SourceResult],
    *,
    stopped: ExitCode | None,
    failures: Sequence[LossZeroError],
    lost_share: float,
    max_loss: float,
) -> ExitCode:
    """Decide what a run ends with.

    Args:
        results: What became of each source.
        stopped: Code of the signal that ended the run; None without one.
        failures: Errors of outputs beside the video.
        lost_share: Share of the frames that were lost against the user's wish.
        max_loss: How much of that is allowed.
    """
    if stopped is not None:
        return stopped
    if failures:
        return failures[0].exit_code
    if results and all(result.error for result in results):
        return results[0].error_code
    cut = any(result.error or result.missing_share > max_loss for result in results)
    return ExitCode.LOSSES if cut or lost_share > max_loss else ExitCode.OK


def missing_share(
    info: VideoInfo, *, num_seen: int, start_s: float, duration_s: float | None
) -> float:
    """Return the share of the wanted frames that never came; 1 when no number was declared.

    Args:
        info: Facts of the source.
        num_seen: Frames that came.
        start_s: Seconds after the start of the source where the wanted part begins.
        duration_s: Its length in seconds; None for all that follows.
    """
    wanted = _wanted(info, start_s=start_s, duration_s=duration_s)
    if wanted is None:
        return 1.0
    return max(0.0, 1 - num_seen / wanted) if wanted else 0.0


def num_wanted(info: VideoInfo, *, start_s: float, duration_s: float | None) -> int | None:
    """Return how many frames the wanted part of a source has; None when none were declared."""
    wanted = _wanted(info, start_s=start_s, duration_s=duration_s)
    return None if wanted is None else round(wanted)


def _wanted(info: VideoInfo, *, start_s: float, duration_s: float | None) -> float | None:
    if not info.num_frames_declared:
        return None
    if not info.duration_s_declared:
        return float(info.num_frames_declared)
    left_s = max(0.0, info.duration_s_declared - start_s)
    wanted_s = left_s if duration_s is None else min(left_s, duration_s)
    return info.num_frames_declared * wanted_s / info.duration_s_declared


def give_up(ledger: Ledger) -> None:
    """Settle the frames that were under way when a source failed."""
    for _ in range(ledger.read - ledger.settled):
        ledger.settle("dropped", reason="aborted")


def publish(
    make_report: Callable[[], dict[str, Any]],
    *,
    writers: Iterable[Callable[[dict[str, Any]], None]],
    failures: list[LossZeroError],
) -> dict[str, Any]:
    """Hand the report to everyone who writes it down.

    A writer that fails is added to ``failures``, and the report is made anew for the next one.

    Returns:
        The report as it is in the end.
    """
    report = make_report()
    for write in writers:
        try:
            write(report)
        except OutputError as error:
            failures.append(error)
            report = make_report()
    return report


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file under a ``.part`` name, then give it its own.

    Raises:
        OutputError: The file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
