"""The scores that a manifest tells are those that were measured."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from losszero_rt.bundle import MANIFEST_NAME, PARITY_NAME, WEIGHTS, Bundle, seal
from tests.bundle.conftest import write_parity

Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("alter", "words"),
    [
        (lambda m: m["scores"].update(miou=0.99), "scores.miou is 0.99, measured with 0.5"),
        (lambda m: m["data"].update(val=["better.png"]), "data.val is ['better.png']"),
    ],
    ids=["scores", "data"],
)
def test_scores_that_nobody_measured_do_not_count(
    bundle: Bundle, alter: Change, words: str
) -> None:
    proved = write_parity(bundle, miou_points=0, class_points=0)
    assert proved.is_verified
    path = bundle.path / MANIFEST_NAME
    manifest = json.loads(path.read_text())
    alter(manifest)
    path.write_text(json.dumps(manifest))
    changed = Bundle.open(bundle.path)
    assert words in changed.weights_fault
    assert not changed.is_verified


def test_scores_without_a_record_of_the_weights_do_not_count(bundle: Bundle) -> None:
    proved = write_parity(bundle, miou_points=0, class_points=0)
    record = {name: found for name, found in proved.parity.items() if name != WEIGHTS}
    (bundle.path / PARITY_NAME).write_text(json.dumps(record))
    assert seal(proved).faults == ("weights: no parity record for these weights",)
