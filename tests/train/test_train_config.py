from dataclasses import replace

import pytest

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec
from train.config import LossWeights, Phase, TrainConfig


def test_locate_walks_through_all_phases(tiny_config: TrainConfig) -> None:
    assert tiny_config.num_steps == 4
    places = [tiny_config.locate(step) for step in range(5)]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert tiny_config.phase_of(0).crop_size == (64, 64)
    assert tiny_config.phase_of(1).crop_size == (64, 96)


def test_rate_climbs_then_falls_to_almost_nothing() -> None:
    phase = Phase(epochs=100, crop_size=(64, 64), batch_size=2, scale=(1.0, 1.0))
    config = TrainConfig(network=NetworkSpec(), phases=(phase,), samples_per_epoch=2)
    rates = [config.rate_at(step) for step in range(100)]
    peak = max(range(100), key=rates.__getitem__)
    assert peak == 10
    assert rates[peak] == pytest.approx(config.learning_rate)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < config.learning_rate / 50


@pytest.mark.parametrize(
    "change", [{"epochs": 0}, {"crop_size": (60, 64)}, {"batch_size": 1}, {"scale": (1.2, 0.8)}]
)
def test_impossible_phases_are_refused(change: dict[str, object]) -> None:
    fields: dict[str, object] = {
        "epochs": 1,
        "crop_size": (64, 64),
        "batch_size": 2,
        "scale": (0.8, 1.2),
    }
    with pytest.raises(UsageError):
        Phase(**(fields | change))  # type: ignore[arg-type]


def test_objects_have_the_background_of_the_classes(tiny_config: TrainConfig) -> None:
    spec = NetworkSpec(architecture="mask-rcnn", encoder="resnet18", background_id=2)
    with pytest.raises(UsageError, match="background_id 2, classes with 0"):
        replace(tiny_config, network=spec)
    # Pixels have no background: the field is not even written for such a network.
    replace(tiny_config, network=NetworkSpec(background_id=2))


def test_loss_weights_must_match_the_classes(tiny_config: TrainConfig) -> None:
    with pytest.raises(UsageError, match="5 loss weights, 6 classes"):
        TrainConfig(
            network=NetworkSpec(),
            phases=tiny_config.phases,
            loss=LossWeights(classes=(1.0,) * 5),
        )


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({"precision": "fp8"}, "fp32, bf16, fp16"),
        ({"schedule": "step"}, "cosine, one-cycle, constant"),
        ({"accumulate": 3}, "1 to batch_size"),
        ({"accumulate": 0}, "1 to batch_size"),
        ({"ema_decay": 1.0}, "ema_decay < 1"),
        ({"patience": 0}, "1 or more"),
        (
            {"input": InputSpec(size=(97, 161), mean=(0.5,) * 3, std=(0.5,) * 3)},
            "an input of 97x161.*multiples of 32",
        ),
    ],
)
def test_impossible_options_are_refused(
    tiny_config: TrainConfig, change: dict[str, object], accepted: str
) -> None:
    with pytest.raises(UsageError, match=accepted):
        replace(tiny_config, **change)  # type: ignore[arg-type]


def test_pastes_of_classes_that_are_not_there_are_refused(tiny_config: TrainConfig) -> None:
    parking = ClassMap(names=("a", "b", "c", "d", "e", "f"), colours=((0, 0, 0),) * 6)
    with pytest.raises(UsageError, match="my bike"):
        replace(tiny_config, classes=parking)
    bare = replace(tiny_config, paste_rate=0.0, lane_paste_rate=0.0, vehicle_paste_rate=0.0)
    assert replace(bare, classes=parking).classes == parking


def test_fields_that_came_later_are_told_once_they_change_something(
    tiny_config: TrainConfig,
) -> None:
    # States and records of before must be recognised as of the same configuration.
    assert not {"sync_norms", "walker_share"} & set(tiny_config.as_dict())
    told = replace(tiny_config, sync_norms=True, walker_share=0.25).as_dict()
    assert told["sync_norms"] is True
    assert told["walker_share"] == 0.25


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_shares_beyond_all_or_nothing_are_refused(tiny_config: TrainConfig, share: float) -> None:
    with pytest.raises(UsageError, match="walker_share"):
        replace(tiny_config, walker_share=share)
