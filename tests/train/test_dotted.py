from dataclasses import replace

import pytest

from losszero_rt.errors import UsageError
from train.config import TrainConfig
from train.dotted import dotted_names, with_values


def test_every_name_replaces_its_own_field_and_nothing_else(tiny_config: TrainConfig) -> None:
    changed = with_values(
        tiny_config,
        {
            "learning_rate": 1,
            "loss.dice": 0.25,
            "loss.classes.2": 12.0,
            "shares.night_ride": 0.9,
            "phases.1.epochs": 4.0,
            "phases.0.crop_size": [96, 128],
            "patience": 3,
            "network.decoder_channels": 16,
        },
    )
    assert isinstance(changed.learning_rate, float)
    assert changed.loss.dice == 0.25
    assert changed.loss.classes[2] == 12.0
    assert changed.loss.classes[:2] == tiny_config.loss.classes[:2]
    assert changed.shares["night_ride"] == 0.9
    assert changed.shares["rides"] == tiny_config.shares["rides"]
    assert changed.phases[1] == replace(tiny_config.phases[1], epochs=4)
    assert changed.phases[0] == replace(tiny_config.phases[0], crop_size=(96, 128))
    assert changed.patience == 3
    assert changed.network.decoder_channels == 16
    assert with_values(changed, {}) == changed


def test_an_unknown_name_is_refused_with_those_that_are_near(tiny_config: TrainConfig) -> None:
    with pytest.raises(UsageError, match=r"no 'loss.dise'. names like .*loss\.dice"):
        with_values(tiny_config, {"loss.dise": 1.0})
    with pytest.raises(UsageError, match=r"names like .*phases\.0\.epochs"):
        with_values(tiny_config, {"phases.7.epochs": 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [("samples_per_epoch", 8.5), ("night", 1), ("schedule", 3), ("learning_rate", True)],
)
def test_a_value_of_another_kind_is_refused(
    tiny_config: TrainConfig, name: str, value: object
) -> None:
    with pytest.raises(UsageError, match=name):
        with_values(tiny_config, {name: value})


def test_what_the_configuration_refuses_stays_refused(tiny_config: TrainConfig) -> None:
    with pytest.raises(UsageError, match="multiples of 32"):
        with_values(tiny_config, {"phases.0.crop_size": [50, 64]})


def test_names_are_found_by_depth(tiny_config: TrainConfig) -> None:
    names = set(dotted_names(tiny_config))
    assert {"seed", "loss.classes", "loss.classes.0", "input.size.1", "phases.1.scale"} <= names
    assert "loss" not in names
