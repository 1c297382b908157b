"""The score of what runs: of this engine in this arithmetic, not of the weights it came from.

Export scores the weights in fp32, and every compiled graph in every precision that its machine
has, on the same labelled pictures. Which of these figures belongs beside the frames a second is
decided here, once for everything that prints one.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from losszero_rt.bundle import Bundle
from losszero_rt.engine.model import Model
from losszero_rt.engine.openvino_graphs import int8_row
from losszero_rt.engine.protocol import EngineInfo

# What a score is one of where the engine that runs has none of its own.
WEIGHTS_ALONE = "fp32 weights"


@dataclass(frozen=True, kw_only=True)
class Score:
    """Mean IoU on labelled pictures, and of what.

    Attributes:
        of: Engine and precision that were scored, such as ``openvino int8``, or ``fp32 weights``.
        miou: Mean IoU, 0..1.
        miou_ci95: Its 95 % interval; None where none was recorded.
        n: Pictures.
        dataset: Which pictures.
    """

    of: str
    miou: float
    miou_ci95: tuple[float, float] | None
    n: int | None
    dataset: str | None

    @property
    def is_own(self) -> bool:
        """True where it is that of an engine, False where it is that of the weights alone."""
        return self.of != WEIGHTS_ALONE


def score_of(model: Model, engine: EngineInfo) -> Score | None:
    """Return the score of what runs, or that of the weights where that was never scored.

    Args:
        model: What was opened.
        engine: What runs.

    Returns:
        None where nothing was scored. An engine has a score of its own if export ran these very
        files in this arithmetic on labelled pictures: by its digests, its precision as read back
        from what executes and, for static engines, its batch.
    """
    weights = weights_score(model)
    if engine.name == "eager":
        exact = weights is not None and engine.precision == "fp32"
        return _named(weights, "eager fp32") if exact else weights
    if isinstance(model, Bundle) and not engine.proof:
        own = compiled_scores(model, str(engine.name)).get(_row_of(engine, model))
        return own or weights
    return weights


def weights_score(model: Model) -> Score | None:
    """Return the score of the weights in fp32; None where they were not scored."""
    return _score(model.scores, of=WEIGHTS_ALONE)


def compiled_scores(bundle: Bundle, engine: str) -> dict[str, Score]:
    """Return the scores of a compiled engine by row of its parity record."""
    record = bundle.parity_record(engine)
    rows = record.get("precisions", {})
    found: dict[str, Score] = {}
    for row, facts in rows.items() if isinstance(rows, Mapping) else ():
        facts = facts if isinstance(facts, Mapping) else {}
        places = {"n": record.get("n"), "dataset": record.get("dataset")}
        score = _score({**facts, **places}, of=f"{engine} {row}")
        if score is not None:
            found[str(row)] = score
    return found


def _row_of(engine: EngineInfo, bundle: Bundle) -> str:
    """Return the row of the parity record that an engine would have; empty if there is none."""
    if engine.name == "tensorrt":
        return f"{engine.precision} batch {engine.batch}"
    most, _, floats = engine.precision.partition("+")
    if most == "int8":
        return int8_row(bundle, floats)
    # A mixture of floats is not what was scored.
    return "" if floats else most


def _score(facts: Mapping[str, Any], *, of: str) -> Score | None:
    miou = _number(facts.get("miou"))
    if miou is None or not 0 <= miou <= 1:
        return None
    n, dataset = facts.get("n"), facts.get("dataset")
    return Score(
        of=of,
        miou=miou,
        miou_ci95=_interval(facts.get("miou_ci95")),
        n=n if isinstance(n, int) else None,
        dataset=dataset if isinstance(dataset, str) else None,
    )


def _named(score: Score | None, of: str) -> Score | None:
    return score and Score(**{**vars(score), "of": of})


def _interval(value: Any) -> tuple[float, float] | None:
    bounds = value if isinstance(value, list | tuple) and len(value) == 2 else (None, None)
    low, high = map(_number, bounds)
    return None if low is None or high is None else (low, high)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
