"""What is said of objects that compiled parts find, and what of that is accepted."""

import numpy as np
import pytest

from export.object_parity import compare_objects
from losszero_rt.bundle.parity_rules import run_faults
from losszero_rt.objects import Objects

SCORE_MIN = 0.5
# Three objects far from each other, the last hardly one.
BOXES = ((0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10))
SCORES = (0.9, 0.8, 0.52)


def objects(
    *,
    boxes: tuple[tuple[float, ...], ...] = BOXES,
    scores: tuple[float, ...] = SCORES,
    class_ids: tuple[int, ...] = (1, 2, 1),
) -> Objects:
    num = len(boxes)
    return Objects(
        class_ids=np.array(class_ids[:num], np.uint8),
        scores=np.array(scores[:num], np.float32),
        boxes=np.array(boxes, np.float32).reshape(num, 4),
        masks=np.zeros((num, 4, 4), bool),
    )


def compared(found: Objects, truth: Objects | None = None) -> dict[str, float]:
    return compare_objects([found], truth=[truth or objects()], score_min=SCORE_MIN)


def test_the_same_objects_in_another_order_lose_nothing() -> None:
    turned = objects(boxes=BOXES[::-1], scores=SCORES[::-1], class_ids=(1, 2, 1))
    assert compared(turned) == {"n": 2, "lost": 0, "invented": 0, "score_off": 0.0}


def test_what_is_hardly_an_object_may_come_and_go() -> None:
    assert compared(objects(boxes=BOXES[:2]))["lost"] == 0
    assert compared(objects(), objects(boxes=BOXES[:2]))["invented"] == 0


@pytest.mark.parametrize(
    ("found", "lost", "invented"),
    [
        (objects(boxes=BOXES[1:2], scores=(0.8,), class_ids=(2,)), 1, 0),
        (objects(class_ids=(2, 2, 1)), 1, 1),
        (objects(boxes=((0, 0, 10, 5), *BOXES[1:])), 1, 1),
        (
            objects(boxes=(*BOXES, (60, 0, 70, 9)), scores=(*SCORES, 0.7), class_ids=(1, 2, 1, 1)),
            0,
            1,
        ),
        # One object became two: the better one is it, the other is new.
        (
            objects(boxes=(*BOXES, (0, 0, 10, 9)), scores=(*SCORES, 0.9), class_ids=(1, 2, 1, 1)),
            0,
            1,
        ),
        (objects(boxes=()), 2, 0),
    ],
)
def test_objects_are_lost_and_invented_by_class_and_place(
    found: Objects, lost: int, invented: int
) -> None:
    record = compared(found)
    assert (record["n"], record["lost"], record["invented"]) == (2, lost, invented)


def test_scores_of_objects_found_again_are_compared() -> None:
    assert compared(objects(scores=(0.6, 0.8, 0.52)))["score_off"] == pytest.approx(0.1)


def faults(precision: str, *, probes: dict[str, int] | None = None, **record: float) -> list[str]:
    good = {"n": 40, "lost": 0, "invented": 0, "score_off": 0.0}
    found = {
        "logits": {"not_finite": [], "share": 0.0, "max": 0.0, "mean": 0.0},
        "probes": {"n": 11, "distinct": 11, "night": 1.0, **(probes or {})},
        "batches": {"1 of 1": 1.0},
        "objects": {**good, **record},
    }
    return run_faults(precision, found)


def test_the_gate_lets_rounding_lose_few_objects_and_fp32_none() -> None:
    assert faults("fp32") == faults("bf16", lost=4, invented=4) == faults("fp16 batch 1") == []
    assert "loses 1 of 40 objects and invents 0, at most 0" in faults("fp32", lost=1)[0]
    assert "loses 0 of 40 objects and invents 5, at most 4" in faults("bf16", invented=5)[0]
    assert "scores of objects by 0.060" in faults("bf16", score_off=0.06)[0]
    assert "loses 2 of 3 objects" in faults("fp16", n=3, lost=2)[0]


def test_only_a_network_that_finds_nothing_in_the_probes_may_give_them_the_same_labels() -> None:
    assert "it is frozen" in faults("fp32", probes={"distinct": 1})[0]
    assert "it is frozen" in faults("fp32", probes={"distinct": 1, "distinct_true": 5})[0]
    assert faults("fp32", probes={"distinct": 1, "distinct_true": 1}) == []
