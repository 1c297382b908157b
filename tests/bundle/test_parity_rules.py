"""What a parity record must hold, and how much it may say."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from losszero_rt.bundle import GATE, Bundle, find_bundle
from losszero_rt.bundle.parity_rules import fault_of

GOOD: dict[str, Any] = {
    "miou_points": -0.02,
    "class_points": {"road": 0.1, "lane mark": -0.9},
    "rate_points": {"undrivable_as_road": 0.3, "lane_mark_recall": -0.9},
    "logits": {"n": 17, "not_finite": [], "max": 1.7, "mean": 0.1, "share": 0.02},
    "probes": {"n": 11, "distinct": 9, "night": 0.997, "night_least": 0.99},
    "batches": {"3 of 3": 1.0, "2 of 3": 0.999, "1 of 3": 1.0},
}
Change = Callable[[dict[str, Any]], object]


def record_of(found: dict[str, Any], *, precision: str = "bf16", gate: Any = GATE) -> Any:
    gates = {} if gate is None else {"gate": gate}
    return {**gates, "precisions": {precision: found}}


def test_a_record_within_tolerance_proves() -> None:
    assert fault_of(record_of(GOOD)) == ""


CHANGES: dict[str, tuple[Change, str]] = {
    "mean": (lambda f: f.update(miou_points=0.31), "moves the mean IoU by 0.31"),
    "class": (lambda f: f["class_points"].update(road=-1.01), "a class by 1.01 points"),
    "no number": (lambda f: f.update(miou_points=float("nan")), "moves the mean IoU"),
    "road": (
        lambda f: f["rate_points"].update(undrivable_as_road=0.31),
        "undrivable taken for road worse by 0.31 points",
    ),
    "recall": (
        lambda f: f["rate_points"].update(lane_mark_recall=-1.1),
        r"lane mark found \(recall\) worse by 1.10 points",
    ),
    "logits": (lambda f: f["logits"].update(share=0.06), "moves the logits by 6.00%"),
    "overflow": (lambda f: f["logits"].update(not_finite=["white"]), "not finite on white"),
    "night": (lambda f: f["probes"].update(night=0.97), "97.00% of the labels of drawn night"),
    "frozen": (lambda f: f["probes"].update(distinct=1), "11 different pictures.*frozen"),
    "batch": (lambda f: f["batches"].update({"2 of 3": 0.9}), r"90.00% .* batch \(2 of 3\)"),
    "no batch": (lambda f: f.update(batches={}), "was not run in batches"),
    "no rates": (lambda f: f.pop("rate_points"), "lacks rate_points"),
    "no probes": (lambda f: f.pop("probes"), "lacks probes"),
    "no logits": (lambda f: f.pop("logits"), "lacks logits"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_thing_that_is_recorded_can_fail(change: str) -> None:
    found = copy.deepcopy(GOOD)
    CHANGES[change][0](found)
    fault = fault_of(record_of(found))
    assert fault.startswith("bf16 ")
    assert re.search(CHANGES[change][1], fault), fault


def test_a_rate_may_become_better_by_any_amount() -> None:
    better = {"undrivable_as_road": -4.0, "lane_mark_recall": 9.0}
    assert fault_of(record_of({**GOOD, "rate_points": better})) == ""


def test_less_is_accepted_of_fp32_than_of_int8() -> None:
    assert "moves the logits" in fault_of(record_of(GOOD, precision="fp32"))
    rough = {**GOOD, "logits": {**GOOD["logits"], "share": 0.2}}
    assert fault_of(record_of(rough, precision="int8")) == ""
    assert "moves the logits" in fault_of(record_of(rough, precision="bf16"))


def test_points_alone_prove_nothing() -> None:
    points = {key: GOOD[key] for key in ("miou_points", "class_points")}
    assert "lacks batches, logits, probes, rate_points" in fault_of(record_of(points))


def test_every_static_engine_needs_a_row_of_its_own() -> None:
    record = {**record_of(GOOD, precision="fp16 batch 1"), "b1_sha256": "1", "b8_sha256": "8"}
    assert fault_of(record) == "was not run in batches of 8"
    record["precisions"]["fp16 batch 8"] = GOOD
    assert fault_of(record) == ""


@pytest.mark.parametrize("gate", [0, GATE - 1, GATE + 1, str(GATE), True])
def test_a_gate_that_is_not_known_proves_nothing(gate: object) -> None:
    fault = fault_of(record_of(GOOD, gate=gate))
    assert f"gate {gate!r}, this version needs one of gate {GATE}" in fault
    assert "python -m export" in fault


def test_a_record_without_a_gate_is_of_the_first() -> None:
    assert "gate 1" in fault_of(record_of(GOOD, gate=None))


def test_what_ships_is_within_tolerance() -> None:
    bundle = find_bundle("night-ride")
    assert isinstance(bundle, Bundle)
    assert bundle.faults == ()
