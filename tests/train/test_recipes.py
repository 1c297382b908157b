import pytest

from losszero_rt.errors import UsageError
from train.recipes import RECIPES, recipe, with_epochs


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_can_be_cut_and_stretched(name: str) -> None:
    config = recipe(name)
    assert config.num_steps > 0
    for epochs in (1, 2, 7, 100):
        assert with_epochs(config, epochs).num_epochs == epochs


def test_unknown_recipe_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="deeplabv3plus"):
        recipe("segformer")
