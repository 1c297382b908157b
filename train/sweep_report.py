"""What a sweep found, as Markdown beside its plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from losszero_rt.checkpoint import write_whole
from losszero_rt.errors import clean_text
from train.study import TrialRecord, best_of
from train.sweep_file import Sweep

REPORT_NAME = "report.md"


def write_report(
    records: Sequence[TrialRecord],
    *,
    out: Path,
    sweep: Sweep,
    importance: Mapping[str, float],
    plots: Sequence[Path],
    start: Mapping[str, Any] | None = None,
) -> Path:
    """Write ``report.md``.

    Args:
        records: Trials that have ended, or are to be gone on with.
        out: The sweep's folder.
        sweep: What is searched.
        importance: Share of each parameter in what the trials differ by; may be empty.
        plots: Files in ``out`` to show.
        start: What every trial starts from: ``name``, ``weights_sha256`` and, where it was
            measured, the metric's ``value``.

    Returns:
        The file.
    """
    ranked = _ranked(records, sweep)
    lines = [f"# Sweep of {len(records)} trials: {sweep.metric}, {sweep.goal}d", ""]
    lines += [*_found(ranked, sweep, start), ""]
    lines += _table(ranked, sweep)
    if importance:
        lines += ["## What made the difference", ""]
        lines += [f"- {_text(name)}: {share:.0%}" for name, share in importance.items()]
        lines += ["", "Shares are PED-ANOVA's; with few trials they are guesses.", ""]
    for path in plots:
        lines += [f"![{path.stem}]({path.name})", ""]
    path = out / REPORT_NAME
    write_whole(path, ("\n".join(lines).rstrip() + "\n").encode())
    return path


def _ranked(records: Sequence[TrialRecord], sweep: Sweep) -> list[TrialRecord]:
    """Return whole trials first, best on top; then pruned ones, then those never measured."""
    sign = -1 if sweep.goal == "maximize" else 1

    def rank(record: TrialRecord) -> tuple[bool, bool, float]:
        value = 0.0 if record.value is None else sign * record.value
        return record.value is None, record.state != "complete", value

    return sorted(records, key=rank)


def _found(
    records: Sequence[TrialRecord], sweep: Sweep, start: Mapping[str, Any] | None
) -> list[str]:
    best = best_of(records, goal=sweep.goal)
    lines = []
    if start is not None:
        digest, value = str(start["weights_sha256"])[:12], start.get("value")
        told = "" if value is None else f", which had {value:.4f} when it was written"
        lines.append(f"Every trial starts from {_text(str(start['name']))} ({digest}){told}.")
    if best is not None and best.value is not None:
        lines.append(
            f"The best whole trial is number {best.number} with {best.value:.4f}; its "
            "configuration is in best.json, its checkpoints are kept. Its figure was chosen among "
            "these trials on the pictures that it is measured on, so it is somewhat too good."
        )
    states = sorted({record.state for record in records})
    counts = ", ".join(
        f"{sum(record.state == state for record in records)} {state}" for state in states
    )
    return [" ".join([*lines, f"Trials: {counts or 'none'}."])]


def _table(records: Sequence[TrialRecord], sweep: Sweep) -> list[str]:
    names = list(dict.fromkeys(name for record in records for name in record.params))
    if not records:
        return []
    heads = ["trial", sweep.metric, "state", "epochs", *names]
    lines = [f"| {' | '.join(map(_text, heads))} |", "|---:" * len(heads) + "|"]
    for record in records:
        cells = [
            str(record.number),
            "n/a" if record.value is None else f"{record.value:.4f}",
            record.state,
            str(len(record.curve)),
            *(_value(record.params.get(name)) for name in names),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _value(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else _text(str(value))


def _text(text: str) -> str:
    return clean_text(text).replace("|", "\\|").replace("<", "&lt;")
