import pytest

from losszero_rt.classmap import CAMVID, NIGHT_RIDE
from losszero_rt.errors import UsageError
from train.config import LITE0_INPUT, TrainConfig
from train.encoder_weights import OFFLINE_ENCODER, input_statistics
from train.fitting import with_classes, with_epochs
from train.recipes import RECIPES, recipe
from train.reproduce import RECEIPTS


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_can_be_cut_and_stretched(name: str) -> None:
    config = recipe(name)
    assert config.num_steps > 0
    for epochs in (1, 2, 7, 100):
        assert with_epochs(config, epochs).num_epochs == epochs


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_fits_together(name: str) -> None:
    config = recipe(name)
    assert all(side % 32 == 0 for side in config.input.size)
    if config.encoder_weights == "imagenet-offline":
        assert config.network.encoder == OFFLINE_ENCODER
    if config.encoder_weights != "none":
        assert (config.input.mean, config.input.std) == input_statistics(config.network)
    assert config.network.background_id == config.classes.background_id
    assert config.num_rides == 0 or "rides" in config.shares


def test_the_shipped_recipe_is_what_it_was() -> None:
    """The published model is re-created by these numbers."""
    first, second = recipe("night-ride"), recipe("night-ride-whole")
    assert (first.network.architecture, first.network.decoder_channels) == ("fpn", 64)
    assert first.input == LITE0_INPUT
    assert (first.num_epochs, second.num_epochs) == (24, 9)
    assert (first.learning_rate, second.learning_rate) == (1.5e-3, 6e-4)
    assert first.loss.classes == (1.0, 1.0, 2.0, 1.0, 1.2, 1.5)
    assert (first.loss.cross_entropy, first.loss.dice, first.loss.lovasz) == (1.0, 0.5, 0.5)
    assert not any((first.loss.focal, first.loss.tversky, first.loss.boundary))
    assert (first.paste_rate, second.paste_rate) == (0.35, 0.15)
    for config in (first, second):
        assert (config.lane_paste_rate, config.vehicle_paste_rate) == (0.25, 0.25)
        assert (config.precision, config.accumulate, config.patience) == ("fp32", 1, None)
        assert (config.schedule, config.frozen_stages, config.ema_decay) == ("cosine", 2, 0.995)


def test_the_last_stages_of_the_shipped_model_are_what_they_were() -> None:
    whole = recipe("night-ride-whole")
    free, wary, last = (recipe(f"night-ride-{name}") for name in ("free", "wary", "last"))
    stages = (free, wary, last)
    assert [one.num_epochs for one in stages] == [10, 8, 8]
    assert [one.learning_rate for one in stages] == [8e-4, 8e-4, 6e-4]
    assert [one.loss.classes[0] for one in stages] == [1.0, 1.6, 2.0]
    assert [one.frozen_stages for one in stages] == [0, 2, 2]
    assert [one.seed for one in stages] == [11, 23, 37]
    for one in stages:
        assert one.loss.classes[1:] == whole.loss.classes[1:]
        assert (one.ema_decay, one.shares) == (0.997, whole.shares)
        assert one.phases[0].crop_size == (384, 672)
        assert one.phases[0].scale == (0.7, 1.4)
    receipt = RECEIPTS["night-ride"]
    assert receipt.averaged == ("night-ride-wary", "night-ride-last")
    assert dict(receipt.shifts) == {"road": -0.3, "lane mark": -0.3}


def test_the_predecessors_numbers_are_kept() -> None:
    segformer = recipe("segformer-b2")
    assert segformer.input.size == (384, 672)
    assert segformer.loss.classes[NIGHT_RIDE.id_of("lane mark")] == 12
    assert segformer.loss.classes[NIGHT_RIDE.id_of("moveable")] == 6
    for name in ("mask-rcnn", "parking-mask-rcnn"):
        assert recipe(name).part_rates == {"backbone": 1e-5, "rpn": 1e-4, "roi": 1e-4}


def test_a_parking_picture_is_stretched_and_not_barred() -> None:
    spec = recipe("parking-unet").input
    place = spec.place((360, 640))
    assert (place.height, place.width) == spec.size == (352, 640)


@pytest.mark.parametrize("name", ["night-ride", "mask-rcnn-small", "parking-unet"])
def test_a_recipe_fits_itself_to_other_classes(name: str) -> None:
    config = with_classes(recipe(name), CAMVID)
    assert config.classes == CAMVID
    assert config.network.num_classes == len(config.loss.classes) == CAMVID.num_classes
    assert config.network.background_id == CAMVID.background_id
    assert not any((config.paste_rate, config.lane_paste_rate, config.vehicle_paste_rate))
    assert (list(config.shares), config.num_rides, config.night) == (["pictures"], 0, False)


def test_a_recipe_of_the_same_classes_stays(tiny_config: TrainConfig) -> None:
    assert with_classes(tiny_config, NIGHT_RIDE) is tiny_config


def test_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="deeplabv3plus"):
        recipe("segformer")


def test_the_lean_stages_grow_warier_and_see_people_on_foot() -> None:
    crops, whole, wary, last = (recipe(n) for n in ("lean", "lean-whole", "lean-wary", "lean-last"))
    for config in (crops, whole, wary, last):
        assert (config.network.architecture, config.network.decoder_channels) == ("segformer", 128)
    assert [c.num_epochs for c in (crops, whole, wary, last)] == [12, 9, 8, 8]
    undrivable = NIGHT_RIDE.background_id
    assert [c.loss.classes[undrivable] for c in (whole, wary, last)] == [1.0, 1.6, 2.0]
    assert [c.walker_share for c in (crops, whole, wary)] == [0.0, 0.4, 0.4]
