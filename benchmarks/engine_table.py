"""The table of engines as Markdown, and which of its rows an earlier run left."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import code_facts

Row = dict[str, Any]
Table = dict[str, dict[str, Row]]
# Day and commit of a network's rows.
When = dict[str, str]


def now_measured() -> When:
    """Return day and commit, for rows that are measured now."""
    commit = code_facts()["commit"] or ""
    return {"date": datetime.now(UTC).date().isoformat(), "commit": commit}


def earlier_rows(result: Path) -> tuple[Table, dict[str, When]]:
    """Return the rows that an earlier run left, by network, and when they were measured.

    Args:
        result: File that the script wrote; nothing where it is absent.
    """
    if not result.exists():
        return {}, {}
    record = json.loads(result.read_text(encoding="utf-8"))
    figures = record["figures"]
    then = {"date": record["date"].partition("T")[0], "commit": record["commit"] or ""}
    return figures["table"], dict.fromkeys(figures["table"], then) | figures.get("measured", {})


def table_text(table: Table, measured: dict[str, When]) -> str:
    """Return the table as Markdown, and below it when the rows of each network were measured."""
    days: dict[tuple[str, str], list[str]] = {}
    for name in table:
        days.setdefault((measured[name]["date"], measured[name]["commit"][:10]), []).append(name)
    told = [
        f"{', '.join(names)}: {date}{f', {commit}' if commit else ''}."
        for (date, commit), names in days.items()
    ]
    return "\n".join([*table_lines(table), "", *told, ""])


def table_lines(table: Table) -> list[str]:
    """Return the rows of the table, the head first."""
    lines = [
        "| network | engine | p50 ms | p95 ms | FPS, file to file | mIoU | worst class | MB "
        "| load s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return lines + [
        _line(subject, name, row) for subject, rows in table.items() for name, row in rows.items()
    ]


def _line(subject: str, name: str, row: Row) -> str:
    if "absent" in row:
        why, _, _ = row["absent"].partition(";")
        return f"| {subject} | {name} | absent: {why} | | | | | | |"
    worst = f"{row['worst']} {row['worst_iou']:.3f}" if "worst" in row else ""
    miou = f"{row['miou']:.3f}" if "miou" in row else ""
    fps = "" if row.get("fps") is None else f"{row['fps']:.1f}"
    return (
        f"| {subject} | {name} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} | {fps} "
        f"| {miou} | {worst} | {row['mb']:.1f} | {row['load_s']:.2f} |"
    )
