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
    stages = [recipe(stage.recipe) for stage in RECEIPTS["night-ride"].stages]
    start, crops, whole, wary = stages
    for config in stages:
        assert (config.network.architecture, config.network.decoder_channels) == ("segformer", 128)
        assert config.input == LITE0_INPUT
        assert (config.lane_paste_rate, config.vehicle_paste_rate) == (0.25, 0.25)
        assert (config.precision, config.accumulate, config.patience) == ("fp32", 1, None)
        assert config.schedule == "cosine"
        assert not any((config.loss.focal, config.loss.tversky, config.loss.boundary))
    assert [config.num_epochs for config in stages] == [8, 12, 9, 8]
    assert [config.learning_rate for config in stages] == [2e-3, 1.2e-3, 8e-4, 6e-4]
    assert [config.frozen_stages for config in stages] == [0, 2, 2, 2]
    assert [config.walker_share for config in stages] == [0.0, 0.0, 0.4, 0.4]
    assert crops.loss.classes == whole.loss.classes == (1.0, 1.0, 2.0, 1.0, 1.2, 1.5)
    assert wary.loss.classes == (1.6, 1.0, 2.0, 1.0, 1.2, 1.5)
    assert (crops.loss.cross_entropy, crops.loss.dice, crops.loss.lovasz) == (1.0, 0.5, 0.5)
    assert (crops.paste_rate, whole.paste_rate, wary.paste_rate) == (0.35, 0.15, 0.15)
    assert start.seed != wary.seed


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
