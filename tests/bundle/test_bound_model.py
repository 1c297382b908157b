"""Parity is that of one model: with another input, or other classes, its record proves nothing."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from losszero_rt.bundle import MANIFEST_NAME, WEIGHTS, Bundle, find_bundle
from losszero_rt.errors import ModelError
from tests.bundle.conftest import write_parity

Change = Callable[[dict[str, Any]], object]

FIELDS: dict[str, tuple[Change, str]] = {
    "mean": (
        lambda m: m["input"].update(mean=[0.2, 0.5, 0.9]),
        "input.mean is [0.2, 0.5, 0.9], measured with [0.5, 0.5, 0.5]",
    ),
    "deviation": (lambda m: m["input"].update(std=[0.5, 0.5, 0.4]), "input.std is"),
    "size": (
        lambda m: (m["input"].update(size=[96, 96]), m.update(labels_size=[96, 96])),
        "input.size is [96, 96], measured with [64, 96]; labels_size is [96, 96]",
    ),
    "labels": (lambda m: m.update(labels_size=[32, 48]), "labels_size is [32, 48]"),
    "maps": (
        lambda m: m.update(cams_size=[16, 24]),
        "cams_size is [16, 24], measured with nothing",
    ),
    "names": (
        lambda m: m["classes"]["names"].__setitem__(slice(1, 3), ["lane mark", "road"]),
        "classes.names is ['undrivable', 'lane mark', 'road', ",
    ),
    "colours": (lambda m: m["classes"]["colours"][1].__setitem__(0, 9), "classes.colours is"),
    "background": (lambda m: m["classes"].update(background_id=1), "classes.background_id is 1"),
    "network": (
        lambda m: m["network"].update(decoder_channels=32),
        "network.decoder_channels is 32",
    ),
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("engine", ["openvino", WEIGHTS])
def test_parity_of_another_model_does_not_count(bundle: Bundle, field: str, engine: str) -> None:
    proved = write_parity(bundle, miou_points=0, class_points=0)
    assert proved.is_verified
    alter, words = FIELDS[field]
    path = bundle.path / MANIFEST_NAME
    manifest = json.loads(path.read_text())
    alter(manifest)
    path.write_text(json.dumps(manifest))
    changed = Bundle.open(bundle.path)
    fault = changed.weights_fault if engine == WEIGHTS else changed.parity_fault(engine)
    assert words in fault
    assert not changed.is_verified
    assert not changed.parity_record(engine)
    with pytest.raises(ModelError, match="--allow-unverified"):
        find_bundle(bundle.path)
