"""How a run ends: its exit code, and JSON files that are whole or absent."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from losszero_rt.errors import ExitCode, InputError, LossZeroError, OutputError
from losszero_rt.frame import VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.report import SourceResult
from losszero_rt.video import write_output
from losszero_rt.video.completeness import Reach


def exit_code_of(
    results: Sequence[SourceResult],
    *,
    stopped: ExitCode | None,
    failures: Sequence[LossZeroError],
    lost_share: float,
    max_loss: float,
) -> ExitCode:
    """Decide what a run ends with: what failed to be written says more than who ended the run.

    Args:
        results: What became of each source.
        stopped: Code of the signal that ended the run; None without one.
        failures: Errors of outputs beside the video, and of recordings.
        lost_share: Share of the frames that were lost against the user's wish.
        max_loss: How much of that is allowed.
    """
    failed = [failure.exit_code for failure in failures]
    failed += [r.error_code for r in results if stopped and r.error_code == ExitCode.OUTPUT]
    if failed:
        return failed[0]
    if stopped is not None:
        return stopped
    if results and all(result.error for result in results):
        return results[0].error_code
    cut = any(result.error or result.missing_share > max_loss for result in results)
    return ExitCode.LOSSES if cut or lost_share > max_loss else ExitCode.OK


def missing_share(
    info: VideoInfo, *, num_seen: int, reach: Reach, start_s: float, duration_s: float | None
) -> float:
    """Return the share of the wanted frames that never came.

    Where no number was declared it is that of the wanted time, and 1 where that is not known.

    Args:
        info: Facts of the source.
        num_seen: Frames that came.
        reach: How far reading got.
        start_s: Seconds after the start of the source where the wanted part begins.
        duration_s: Its length in seconds; None for all that follows.
    """
    wanted = _wanted(info, start_s=start_s, duration_s=duration_s)
    if wanted is not None:
        return max(0.0, 1 - num_seen / wanted) if wanted else 0.0
    between = reach.num_gone / max(1, num_seen + reach.num_gone)
    wanted_s = _wanted_s(info, start_s=start_s, duration_s=duration_s)
    behind = 0.0
    if reach.ended_s is not None and wanted_s:
        behind = min(1.0, max(0.0, 1 - (reach.ended_s - start_s) / wanted_s))
    return behind + (1 - behind) * between or 1.0


def num_wanted(info: VideoInfo, *, start_s: float, duration_s: float | None) -> int | None:
    """Return how many frames the wanted part of a source has; None when none were declared."""
    wanted = _wanted(info, start_s=start_s, duration_s=duration_s)
    return None if wanted is None else round(wanted)


def _wanted(info: VideoInfo, *, start_s: float, duration_s: float | None) -> float | None:
    if not info.num_frames_declared:
        return None
    if not info.duration_s_declared:
        return float(info.num_frames_declared)
    wanted_s = _wanted_s(info, start_s=start_s, duration_s=duration_s)
    return info.num_frames_declared * wanted_s / info.duration_s_declared


def _wanted_s(info: VideoInfo, *, start_s: float, duration_s: float | None) -> float:
    left_s = max(0.0, (info.duration_s_declared or 0.0) - start_s)
    return left_s if duration_s is None else min(left_s, duration_s)


def give_up(ledger: Ledger) -> None:
    """Settle the frames that were under way when a source failed."""
    for _ in range(ledger.read - ledger.settled):
        ledger.settle("dropped", reason="aborted")


def check_shown(ledger: Ledger, *, name: str) -> None:
    """Refuse a source of which no picture could be shown; files that failed are not its fault.

    Raises:
        InputError: None could.
    """
    if not (ledger.shown or ledger.dropped["unsaved"]):
        raise InputError(
            f"{name}: none of {ledger.read} frames could be shown",
            accepted="a video or picture that FFmpeg can decode",
        )


def unsaved(ledger: Ledger, *, failures: Sequence[LossZeroError]) -> LossZeroError | None:
    """Return why frames of a source were saved nowhere; None where none were lost that way."""
    return failures[-1] if failures and ledger.dropped["unsaved"] else None


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
    write_output(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())
