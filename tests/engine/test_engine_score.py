"""The score beside the frames a second is that of the engine and precision that run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.engine import (
    EngineInfo,
    EngineName,
    Score,
    TrainedModel,
    compiled_scores,
    score_of,
    weights_score,
)
from losszero_rt.engine.engine_score import WEIGHTS_ALONE
from tests.bundles import write_small_checkpoint

PLACE = {"n": 6, "dataset": "val"}
SCORES = {"miou": 0.8, "miou_ci95": [0.7, 0.9], **PLACE}


def running(precision: str, name: EngineName = "openvino", **facts: Any) -> EngineInfo:
    return EngineInfo(
        name=name,
        device="Test",
        precision=precision,
        precision_asked="auto",
        input_size=(64, 96),
        labels_size=(64, 96),
        threads=1,
        version="",
        **{"batch": 1, **facts},
    )


def measured(bundle: Bundle, *, engine: str = "openvino", **record: Any) -> Bundle:
    """The bundle as if export had found this of its engine."""
    roles = next(iter(bundle.engines.values()))
    scored = replace(bundle, engines={engine: roles}, scores=SCORES)
    facts = {**scored.parity_head(engine), **PLACE, **record}
    return replace(scored, parity={engine: facts})


@pytest.fixture
def scored(bundle: Bundle) -> Bundle:
    rows = {
        "fp32": {"miou": 0.8},
        "bf16": {"miou": 0.7995},
        "int8": {"miou": 0.79, "miou_ci95": [0.69, 0.88], "floats": "bf16"},
        "int8 with fp32": {"miou": 0.78, "floats": "fp32"},
    }
    return measured(bundle, precisions=rows)


@pytest.mark.parametrize(("precision", "miou"), [("fp32", 0.8), ("bf16", 0.7995)])
def test_a_score_may_come_without_an_interval(scored: Bundle, precision: str, miou: float) -> None:
    found = score_of(scored, running(precision))
    assert found == Score(of=f"openvino {precision}", miou=miou, miou_ci95=None, **PLACE)  # type: ignore[arg-type]


def test_the_score_of_int8_is_that_with_the_same_floats(scored: Bundle) -> None:
    found = score_of(scored, running("int8+fp32"))
    assert found is not None
    assert (found.of, found.miou) == ("openvino int8 with fp32", 0.78)


@pytest.mark.parametrize("precision", ["int8", "int8+bf16"])
def test_a_recorded_score_comes_with_its_interval(scored: Bundle, precision: str) -> None:
    found = score_of(scored, running(precision))
    assert found is not None
    assert (found.of, found.miou, found.miou_ci95) == ("openvino int8", 0.79, (0.69, 0.88))
    assert found.is_own


@pytest.mark.parametrize("precision", ["fp16", "bf16+fp32", "bf16+int8", "int8+fp16", "?"])
def test_a_precision_that_was_not_scored_gets_the_score_of_the_weights(
    scored: Bundle, precision: str
) -> None:
    found = score_of(scored, running(precision))
    assert found is not None
    assert (found.of, found.is_own) == (WEIGHTS_ALONE, False)
    assert (found.miou, found.miou_ci95) == (0.8, (0.7, 0.9))


def test_the_record_of_other_files_is_not_believed(scored: Bundle) -> None:
    record = {**scored.parity["openvino"], "constants_sha256": "0" * 64}
    found = score_of(replace(scored, parity={"openvino": record}), running("int8"))
    assert found is not None
    assert not found.is_own


@pytest.mark.parametrize(
    "rows",
    [
        {"bf16": {}},
        {"bf16": {"miou_points": -0.05}},
        {"bf16": {"miou": "much"}},
        {"bf16": {"miou": True}},
        {"bf16": {"miou": -0.1}},
        {"bf16": {"miou": 2.0}},
        {"bf16": []},
        [],
    ],
)
def test_what_makes_no_sense_is_no_score(bundle: Bundle, rows: Any) -> None:
    found = score_of(measured(bundle, precisions=rows), running("bf16"))
    assert found is not None
    assert not found.is_own


def test_a_static_engine_is_scored_by_its_batch(bundle: Bundle) -> None:
    rows = {"fp16 batch 1": {"miou": 0.79}, "fp16 batch 8": {"miou": 0.78}}
    model = measured(bundle, engine="tensorrt", precisions=rows)
    found = [score_of(model, running("fp16", "tensorrt", batch=batch)) for batch in (1, 8, 2)]
    assert [score and score.of for score in found] == [
        "tensorrt fp16 batch 1",
        "tensorrt fp16 batch 8",
        WEIGHTS_ALONE,
    ]


def test_an_engine_built_here_has_no_score_of_its_own(bundle: Bundle) -> None:
    model = measured(bundle, engine="tensorrt", precisions={"fp16 batch 1": {"miou": 0.8}})
    found = score_of(model, running("fp16", "tensorrt", proof="99.8% of its labels"))
    assert found is not None
    assert not found.is_own


def test_the_eager_engine_in_fp32_is_what_was_scored(scored: Bundle) -> None:
    exact, half = (score_of(scored, running(p, "eager")) for p in ("fp32", "bf16"))
    assert exact is not None
    assert half is not None
    assert (exact.of, exact.miou_ci95) == ("eager fp32", (0.7, 0.9))
    assert half.of == WEIGHTS_ALONE


def test_nothing_is_said_where_nothing_was_scored(bundle: Bundle, tmp_path: Path) -> None:
    bare = replace(bundle, scores={}, parity={})
    assert score_of(bare, running("bf16")) is None
    checkpoint = TrainedModel.open(write_small_checkpoint(tmp_path / "checkpoint"))
    assert weights_score(checkpoint) is None
    assert score_of(checkpoint, running("fp32", "eager")) is None


def test_the_shipped_model_has_a_score_for_every_precision_it_was_proved_in() -> None:
    bundle = find_bundle("night-ride")
    weights, found = weights_score(bundle), compiled_scores(bundle, "openvino")
    assert weights is not None
    assert set(found) == set(bundle.parity["openvino"]["precisions"])
    rows = bundle.parity["openvino"]["precisions"]
    for precision, score in found.items():
        points = rows[precision]["miou_points"]
        assert score.miou == pytest.approx(weights.miou + points / 100, abs=2e-6)
        assert (score.n, score.dataset) == (weights.n, weights.dataset)
