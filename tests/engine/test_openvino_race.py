"""Which of several compiled graphs wins, on graphs that take a time of their own."""

import time
from typing import Any

from losszero_rt.engine import EngineOptions
from losszero_rt.engine.openvino_graphs import GraphSpec
from losszero_rt.engine.openvino_race import Race

FREE = EngineOptions(threads=2, num_requests=2)


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
        GraphSpec(
            precision=name,  # type: ignore[arg-type]
            floats="fp32",
            batch=1,
            cams=False,
            threads=1,
            streams=1,
        )
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
