import numpy as np
import pytest
import torch

from losszero_rt.metrics import BoundaryKeeper
from losszero_rt.network import build_network
from train.config import TrainConfig
from train.datasets import LabelledPicture
from train.evaluate import score
from train.team import ALONE, Team
from train.validation import NUM_PANELS, measure

CPU = torch.device("cpu")


@pytest.fixture
def network(tiny_config: TrainConfig) -> torch.nn.Module:
    torch.manual_seed(1)
    return build_network(tiny_config.network).eval()


def test_measured_is_what_evaluation_says(
    tiny_config: TrainConfig, pictures: list[LabelledPicture], network: torch.nn.Module
) -> None:
    found = measure(network, pictures, config=tiny_config, team=ALONE, device=CPU)
    outlines = BoundaryKeeper(tiny_config.classes)
    areas = score(
        network,
        pictures,
        spec=tiny_config.input,
        classes=tiny_config.classes,
        boundary=outlines,
    )
    assert found.areas.as_dict() == areas.as_dict()
    assert found.outlines.as_dict() == outlines.scores().as_dict()
    assert [panel.name for panel in found.panels] == [p.name for p in pictures[:NUM_PANELS]]


def test_counts_of_a_team_add_up_to_those_of_one(
    tiny_config: TrainConfig, pictures: list[LabelledPicture], network: torch.nn.Module
) -> None:
    alone = measure(network, pictures[:3], config=tiny_config, team=ALONE, device=CPU)
    size = 5  # more processes than pictures: two of them have nothing to do

    def share(rank: int) -> list[torch.Tensor]:
        given: list[torch.Tensor] = []

        def total(counts: torch.Tensor) -> torch.Tensor:
            given.append(counts.clone())
            return counts

        team = Team(rank=rank, size=size, total=total)
        measure(network, pictures[:3], config=tiny_config, team=team, device=CPU)
        return given

    collected = [share(rank) for rank in range(size)]
    areas = sum(given[0].numpy() for given in collected)
    outlines = sum(given[1].numpy() for given in collected)
    assert np.array_equal(areas, alone.areas.matrices)
    assert np.array_equal(outlines, alone.outlines.counts)
