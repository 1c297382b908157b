"""The table of engines: rows of an earlier run stay, with their own day and commit."""

import json
from pathlib import Path

from benchmarks.engine_table import Table, earlier_rows, now_measured, table_text

ROW = {"p50_ms": 2.0, "p95_ms": 3.0, "mb": 1.0, "load_s": 0.5}


def write_result(path: Path, table: Table, **figures: object) -> Path:
    record = {"date": "2026-01-02T03:04:05+00:00", "commit": "c" * 40}
    path.write_text(json.dumps({**record, "figures": {"table": table, **figures}}))
    return path


def test_without_an_earlier_run_there_is_nothing(tmp_path: Path) -> None:
    assert earlier_rows(tmp_path / "none.json") == ({}, {})


def test_rows_keep_when_they_were_measured(tmp_path: Path) -> None:
    table: Table = {"shipped": {"eager": ROW}, "fpn": {"eager": {**ROW, "absent": "why; and more"}}}
    first = write_result(tmp_path / "first.json", table)
    found, measured = earlier_rows(first)
    assert found == table
    measured["shipped"] = now_measured()
    second = write_result(tmp_path / "second.json", found, measured=measured)
    found, measured = earlier_rows(second)
    assert measured["fpn"] == {"date": "2026-01-02", "commit": "c" * 40}
    lines = table_text(found, measured).splitlines()
    assert "| shipped | eager | 2.0 | 3.0 |  |  |  | 1.0 | 0.50 |" in lines
    assert "| fpn | eager | absent: why | | | | | | |" in lines
    assert lines[-1] == "fpn: 2026-01-02, cccccccccc."
    assert lines[-2].startswith("shipped: ")
