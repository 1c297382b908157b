"""What the averaged weights are worth: pictures dealt out to all processes, counts put together.

Shape letters: n pictures, C classes.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from losszero_rt.metrics import BoundaryScores, Scores, boundary_counts, confusion_matrix
from train.config import TrainConfig
from train.datasets.picture import LabelledPicture
from train.evaluate import predict
from train.panel_cams import Maps, maps_of, weakest_class
from train.panels import Panel
from train.team import Team

NUM_PANELS = 4


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Scores of a set of pictures.

    Attributes:
        areas: Confusion of areas.
        outlines: Boundary counts.
        panels: A few of the pictures with what the network makes of them and where it looks.
    """

    areas: Scores
    outlines: BoundaryScores
    panels: list[Panel]


def measure(
    network: nn.Module,
    pictures: Sequence[LabelledPicture],
    *,
    config: TrainConfig,
    team: Team,
    device: torch.device,
    cam_class: int | None = None,
) -> Measured:
    """Score a network on pictures, each at the size of its mask.

    Every process scores every ``team.size``-th picture. The counts of each picture are kept
    apart and in order while they are summed over the processes, so figures and their intervals
    do not depend on how many processes there are.

    Args:
        network: Left in evaluation mode.
        pictures: At least one, the same in every process.
        config: Input and classes.
        team: The processes that share the work.
        device: Where counts may be summed over the team.
        cam_class: Id of the class whose heat the panels show; None takes the weakest of these
            pictures.
    """
    network.eval()
    classes = config.classes
    num_classes = classes.num_classes
    areas = np.zeros((len(pictures), num_classes, num_classes), np.int64)
    outlines = np.zeros((len(pictures), num_classes, 2), np.int64)
    panels: list[tuple[Panel, Maps]] = []
    for index in range(team.rank, len(pictures), team.size):
        picture = pictures[index]
        shown = len(panels) < NUM_PANELS
        with maps_of(network) if shown else nullcontext(Maps()) as maps:
            labels_HW = predict(network, picture.pixels_HWC, spec=config.input)
        for counts, count in ((areas, confusion_matrix), (outlines, boundary_counts)):
            counts[index] = count(
                labels_HW,
                truth=picture.labels_HW,
                num_classes=num_classes,
                ignored_id=classes.ignored_id,
            )
        if shown:
            panels.append((_panel(picture, labels_HW, config), maps))
    scores = Scores(matrices=_summed(areas, team, device), classmap=classes)
    looked_for = weakest_class(scores) if cam_class is None else cam_class
    return Measured(
        areas=scores,
        outlines=BoundaryScores(counts=_summed(outlines, team, device), classmap=classes),
        panels=[_with_heat(panel, maps, looked_for, config) for panel, maps in panels],
    )


def _summed(counts: np.ndarray, team: Team, device: torch.device) -> np.ndarray:
    total: np.ndarray = team.total(torch.from_numpy(counts).to(device)).cpu().numpy()
    return total


def _panel(picture: LabelledPicture, labels_HW: np.ndarray, config: TrainConfig) -> Panel:
    return Panel(
        name=picture.name,
        pixels_HWC=picture.pixels_HWC,
        labels_HW=labels_HW,
        truth_HW=picture.labels_HW,
        classes=config.classes,
    )


def _with_heat(panel: Panel, maps: Maps, class_id: int, config: TrainConfig) -> Panel:
    height, width = panel.labels_HW.shape
    heat_HW = maps.heat(class_id, size=(height, width), spec=config.input)
    return replace(panel, cam_HW=heat_HW, cam_class=config.classes.names[class_id])
