"""How many threads run: every core, or one a physical core where that is faster."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, openvino_candidates, openvino_remembered
from losszero_rt.engine import openvino_choice as choosing
from losszero_rt.engine.openvino_candidates import beside, candidates, threads_of
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_race import Race
from losszero_rt.engine.openvino_remembered import CACHE
from losszero_rt.errors import ModelError

pytestmark = pytest.mark.slow


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and all the time that measuring may need."""
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(choosing, "BUDGET_S", 600.0)
    return tmp_path / "cache" / CACHE


def test_threads_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    share_cores(monkeypatch, cores=8, physical=4)
    assert threads_of(EngineOptions()) == (8, 4)
    assert threads_of(EngineOptions(threads=3)) == (3,)
    share_cores(monkeypatch, cores=8, physical=8)
    assert threads_of(EngineOptions()) == (8,)


def test_number_of_streams_counts_for_every_core(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_cores(monkeypatch, cores=8, physical=4)
    found = candidates(bundle, EngineOptions(precision="fp32", streams=6))
    assert [(spec.streams, spec.threads) for spec in found] == [(6, 8)]
    with pytest.raises(ModelError, match="9 streams on 8 threads"):
        candidates(bundle, EngineOptions(precision="fp32", streams=9))


@pytest.mark.parametrize(
    ("cores", "num_requests", "best", "expected"),
    [(2, 2, 2, [(2, 2), (1, 1)]), (6, 4, 4, [(4, 6), (3, 3)]), (8, 4, 1, [(1, 8), (1, 4)])],
)
def test_physical_cores_are_tried_with_any_number_of_streams(
    bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    num_requests: int,
    best: int,
    expected: list[tuple[int, int]],
) -> None:
    share_cores(monkeypatch, cores=cores, physical=cores // 2)
    specs = candidates(bundle, EngineOptions(precision="fp32", num_requests=num_requests))
    winner = next(spec for spec in specs if (spec.streams, spec.threads) == (best, cores))
    found = beside(winner, specs, varied="threads")
    assert [(spec.streams, spec.threads) for spec in found] == expected


def share_cores(monkeypatch: pytest.MonkeyPatch, *, cores: int, physical: int) -> None:
    """Let cores be threads of fewer physical ones."""
    monkeypatch.setattr(openvino_candidates, "num_cores", lambda: cores)
    monkeypatch.setattr(openvino_candidates, "num_physical_cores", lambda: physical)


def test_one_thread_a_physical_core_runs_where_it_was_faster(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share_cores(monkeypatch, cores=2, physical=1)
    monkeypatch.setattr(Race, "winner", lambda _, specs, margin: specs[-1])
    options = EngineOptions(precision="fp32", streams=1, num_requests=2)
    first = OpenVinoEngine(bundle, options=options).info
    assert (first.threads, first.streams, first.chosen_by) == (1, 1, "measured")
    (path,) = cache.glob("*.json")
    record = json.loads(path.read_text())
    assert set(record["ms"]) == {"fp32, 1 stream", "fp32, 1 stream, 1 thread"}
    again = OpenVinoEngine(bundle, options=options).info
    assert (again.threads, again.chosen_by) == (1, "remembered")
    assert openvino_remembered._line(record).endswith(
        f"at {record['ms']['fp32, 1 stream, 1 thread']:.1f} ms a frame"
    )
    named = OpenVinoEngine(bundle, options=replace(options, threads=2)).info
    assert (named.threads, named.chosen_by) == (2, "asked")


def test_a_record_that_does_not_say_how_many_threads_is_measured_again(
    bundle: Bundle, cache: Path
) -> None:
    OpenVinoEngine(bundle, options=EngineOptions(threads=2, num_requests=2))
    (path,) = cache.glob("*.json")
    record = json.loads(path.read_text())
    del record["threads"]
    path.write_text(json.dumps(record))
    assert (
        OpenVinoEngine(bundle, options=EngineOptions(threads=2, num_requests=2)).info.chosen_by
        == "measured"
    )
