"""Which precision and how many streams run: measured once, remembered, or just what was asked."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.engine import (
    EngineInfo,
    EngineOptions,
    engine_facts,
    open_engine,
)
from losszero_rt.engine import openvino_choice as choosing
from losszero_rt.engine.openvino_blobs import compile_cached
from losszero_rt.engine.openvino_candidates import (
    label_of,
    precisions_of,
    streams_of,
)
from losszero_rt.engine.openvino_choice import UNSETTLED, Choice
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.engine.openvino_graphs import GraphSpec
from losszero_rt.engine.openvino_race import Race
from losszero_rt.engine.openvino_remembered import CACHE
from losszero_rt.errors import ModelError

pytestmark = pytest.mark.slow

FREE = EngineOptions(threads=2, num_requests=2)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, and all the time that measuring may need."""
    monkeypatch.setenv("LOSSZERO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(choosing, "BUDGET_S", 600.0)
    return tmp_path / "cache" / CACHE


def test_measured_at_first_and_remembered_then(bundle: Bundle, cache: Path) -> None:
    first = OpenVinoEngine(bundle, options=FREE).info
    second = OpenVinoEngine(bundle, options=FREE).info
    assert (first.chosen_by, second.chosen_by) == ("measured", "remembered")
    assert (second.precision, second.streams) == (first.precision, first.streams)
    (path,) = cache.glob("*.json")
    record = json.loads(path.read_text())
    tried = {f"{p}, 2 streams" for p in capable_precisions()}
    assert tried <= set(record["ms"])
    assert f"{record['precision']}, 1 stream" in record["ms"]
    assert all(ms > 0 for ms in record["ms"].values())


def test_what_was_found_is_what_runs(bundle: Bundle, cache: Path) -> None:
    OpenVinoEngine(bundle, options=FREE)
    (path,) = cache.glob("*.json")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "precision": "fp32", "streams": 1}))
    info = OpenVinoEngine(bundle, options=FREE).info
    assert (info.precision, info.streams, info.chosen_by) == ("fp32", 1, "remembered")
    assert engine_facts()["openvino"]["measured"] == [
        "1 for other models, or for this one as it was before"
    ]
    ships = find_bundle("night-ride", allow_unverified=True)
    shipped = {**record, "name": ships.name, "bundle": ships.sha256}
    path.write_text(json.dumps({**shipped, "precision": "fp32", "streams": 1}))
    (line,) = engine_facts()["openvino"]["measured"]
    assert line.startswith("night-ride batch 1 in fp32 on 1 stream, 2 threads")


def test_nothing_is_measured_where_all_is_asked(bundle: Bundle, cache: Path) -> None:
    options = replace(FREE, precision="fp32", streams=2)
    info = OpenVinoEngine(bundle, options=options).info
    assert (info.precision, info.streams, info.chosen_by) == ("fp32", 2, "asked")
    assert not cache.exists()


@pytest.mark.parametrize("other", [{"batch": 2}, {"threads": 1}, {"cams": False}])
def test_another_use_is_measured_for_itself(
    bundle: Bundle, cache: Path, other: dict[str, Any]
) -> None:
    OpenVinoEngine(bundle, options=FREE)
    assert OpenVinoEngine(bundle, options=replace(FREE, **other)).info.chosen_by == "measured"
    assert len(list(cache.glob("*.json"))) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"precision": "fp64", "streams": 2, "ms": {}}'])
def test_a_record_that_makes_no_sense_is_measured_again(
    bundle: Bundle, cache: Path, text: str
) -> None:
    OpenVinoEngine(bundle, options=FREE)
    (path,) = cache.glob("*.json")
    path.write_text(text)
    assert OpenVinoEngine(bundle, options=FREE).info.chosen_by == "measured"


def test_without_time_the_usual_runs_and_a_few_more_starts_go_on(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "BUDGET_S", 0.0)
    for _ in range(choosing.NUM_STARTS_MAX):
        info = OpenVinoEngine(bundle, options=FREE).info
        assert (info.precision, info.streams) == (capable_precisions()[0], 2)
        assert info.chosen_by == "default"
    assert OpenVinoEngine(bundle, options=FREE).info.chosen_by == "remembered"


def test_a_start_with_time_finishes_what_others_began(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "BUDGET_S", 0.0)
    OpenVinoEngine(bundle, options=FREE)
    monkeypatch.setattr(choosing, "BUDGET_S", 600.0)
    assert OpenVinoEngine(bundle, options=FREE).info.chosen_by == "measured"
    assert OpenVinoEngine(bundle, options=FREE).info.chosen_by == "remembered"


def test_a_folder_that_others_may_write_into_is_told_and_not_used(
    bundle: Bundle, cache: Path
) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    said: list[str] = []
    engine = open_engine(bundle, name="openvino", options=FREE, say=said.append)
    assert engine.info.chosen_by == "default"
    assert "mode 777" in said[0]
    assert "set LOSSZERO_CACHE to a folder of your own" in said[0]
    assert not list(cache.iterdir())


def test_a_home_that_cannot_be_written_is_told_and_the_run_goes_on(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOSSZERO_CACHE", "/proc/nothing")
    said: list[str] = []
    engine = open_engine(bundle, name="openvino", options=FREE, say=said.append)
    assert engine.info.chosen_by == "default"
    assert all("set LOSSZERO_CACHE" in line for line in said)
    assert len(said) == 2


def test_only_what_was_proved_is_tried(bundle: Bundle) -> None:
    record = bundle.parity["openvino"]
    proved = {"fp32": record["precisions"]["fp32"]}
    cautious = replace(bundle, parity={"openvino": {**record, "precisions": proved}})
    assert precisions_of(cautious, EngineOptions()) == ("fp32",)
    assert precisions_of(bundle, EngineOptions()) == capable_precisions()


def test_streams_to_try() -> None:
    assert streams_of(EngineOptions(num_requests=4), 8) == (4, 2, 1)
    assert streams_of(EngineOptions(num_requests=4), 2) == (2, 1)
    assert streams_of(EngineOptions(num_requests=1), 8) == (1,)
    assert streams_of(EngineOptions(streams=3), 8) == (3,)
    with pytest.raises(ModelError, match="9 streams on 8 threads"):
        streams_of(EngineOptions(streams=9), 8)


class Starts:
    """Plays starts without time to finish, each with the times that it measures.

    Attributes:
        tried: Graphs that each start had to choose among.
    """

    def __init__(self, bundle: Bundle, patch: pytest.MonkeyPatch) -> None:
        self._bundle = bundle
        self._times: dict[str, float] = {}
        self.tried: list[list[str]] = []
        patch.setattr(choosing, "measure", self._measure)

    def start(self, **ms: float) -> EngineInfo:
        """Start; ``fp32_1=5`` is fp32 on one stream, 5 ms. Return what runs."""
        names = {key: key.partition("_") for key in ms}
        specs = {key: (name, int(streams)) for key, (name, _, streams) in names.items()}
        self._times = {_label(*specs[key]): value for key, value in ms.items()}
        return OpenVinoEngine(self._bundle, options=replace(FREE, precision="auto")).info

    def _measure(
        self,
        core: Any,
        bundle: Bundle,
        *,
        specs: list[GraphSpec],
        options: EngineOptions,
        say: Any,
    ) -> tuple[Choice, Any]:
        self.tried.append([label_of(spec) for spec in specs])
        usual = specs[0]
        choice = Choice(
            precision=usual.precision,
            streams=usual.streams,
            threads=usual.threads,
            chosen_by="default",
            ms=self._times,
        )
        return choice, compile_cached(core, bundle, spec=usual, say=say)


def _label(precision: str, streams: int) -> str:
    return f"{precision}, {streams} stream{'s' if streams > 1 else ''}"


@pytest.fixture
def usual(bundle: Bundle) -> str:
    """The usual precision here."""
    return capable_precisions()[0]


@pytest.fixture
def other() -> str:
    """Another precision."""
    precisions = capable_precisions()
    if len(precisions) == 1:
        pytest.skip("this CPU has only one precision to offer")
    return precisions[-1]


def test_what_was_clearly_slower_beside_another_is_not_tried_again(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch, usual: str, other: str
) -> None:
    starts = Starts(bundle, monkeypatch)
    starts.start(**{f"{usual}_2": 10.0, f"{usual}_1": 12.0, f"{other}_2": 40.0})
    starts.start()
    assert _label(other, 2) in starts.tried[0]
    assert _label(other, 2) not in starts.tried[1]
    assert _label(usual, 1) in starts.tried[1], "slower, but not clearly"


def test_time_of_a_busy_start_is_not_held_against_that_of_an_idle_one(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch, usual: str, other: str
) -> None:
    starts = Starts(bundle, monkeypatch)
    starts.start(**{f"{usual}_2": 41.0, f"{other}_2": 40.0})
    starts.start(**{f"{usual}_2": 10.0})
    starts.start()
    assert _label(other, 2) in starts.tried[2], "it was as fast as the usual one beside it"


def test_time_of_an_idle_start_does_not_win_over_that_of_a_busy_one(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch, usual: str
) -> None:
    starts = Starts(bundle, monkeypatch)
    starts.start(**{f"{usual}_2": 10.0, f"{usual}_1": 9.9})
    busy = starts.start(**{f"{usual}_2": 40.0})
    assert (busy.precision, busy.streams) == (usual, 2)


def test_what_was_clearly_faster_in_any_start_is_chosen_by_the_last(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch, usual: str
) -> None:
    starts = Starts(bundle, monkeypatch)
    found = [starts.start(**{f"{usual}_2": 40.0, f"{usual}_1": 20.0})]
    found += [starts.start(**{f"{usual}_2": 10.0}) for _ in range(choosing.NUM_STARTS_MAX)]
    assert [choice.streams for choice in found] == [2, 2, 2, 1, 1], "the usual until it is settled"
    assert [choice.chosen_by for choice in found] == ["default"] * 4 + ["remembered"]


def test_half_a_measurement_decides_nothing_and_is_said(
    bundle: Bundle, cache: Path, monkeypatch: pytest.MonkeyPatch, usual: str
) -> None:
    class HalfRace(Race):
        """Has time for one more than the usual one, which it finds to be faster."""

        def has_time(self, until_s: float) -> bool:
            return len(self._runners) < 2

        def winner(self, specs: list[GraphSpec], *, margin: float) -> GraphSpec:
            return specs[-1]

    monkeypatch.setattr(choosing, "Race", HalfRace)
    said: list[str] = []
    info = OpenVinoEngine(bundle, options=replace(FREE, precision="auto"), say=said.append).info
    assert (info.precision, info.streams, info.chosen_by) == (usual, 2, "default")
    assert [line.startswith(UNSETTLED) for line in said] == [True]
    assert _label(usual, 2) in said[0]
