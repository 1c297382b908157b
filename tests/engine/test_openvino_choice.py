"""Which precision and how many streams run: measured once, remembered, or just what was asked."""

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, engine_facts, open_engine
from losszero_rt.engine import openvino_choice as choosing
from losszero_rt.engine.openvino_choice import CACHE, precisions_of, streams_of
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_facts import capable_precisions
from losszero_rt.engine.openvino_graphs import GraphSpec
from losszero_rt.engine.openvino_race import Race
from losszero_rt.errors import ModelError

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
    assert any("fp32, 1 streams" in line for line in engine_facts()["openvino"]["measured"])


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


class Sleeper:
    """Stands for a compiled graph: its one request takes so long."""

    def __init__(self, takes_s: float) -> None:
        self._takes_s = takes_s

    def create_infer_request(self) -> "Sleeper":
        return self

    def get_input_tensor(self, _: int) -> Any:
        return type("Tensor", (), {"data": {}})()

    def start_async(self) -> None:
        time.sleep(self._takes_s)

    def wait(self) -> None:
        """Nothing is left to wait for."""


def race_of(**takes_s: float) -> tuple[Race, list[GraphSpec]]:
    race = Race(num_requests=1, input_size=(2, 3))
    specs = [
        GraphSpec(precision=name, batch=1, cams=False, threads=1, streams=1)  # type: ignore[arg-type]
        for name in takes_s
    ]
    for spec, seconds in zip(specs, takes_s.values(), strict=True):
        race.enter(spec, lambda seconds=seconds: Sleeper(seconds))  # type: ignore[misc]
    race.run(specs)
    return race, specs


def test_the_fastest_wins() -> None:
    race, specs = race_of(bf16=0.03, int8=0.003, fp32=0.06)
    assert race.winner(specs, margin=0.04) == specs[1]
    assert set(race.ms) == set(specs)


def test_the_usual_wins_where_the_difference_is_small() -> None:
    race, specs = race_of(bf16=0.020, int8=0.019)
    assert race.winner(specs, margin=0.5) == specs[0]
