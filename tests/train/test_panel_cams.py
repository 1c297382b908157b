"""Where the network looked, beside the pictures that a training shows."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from losszero_rt.errors import UsageError
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.overlay.cam import grad_cam
from losszero_rt.preprocess import InputSpec
from tests.train.conftest import draw_picture
from train.config import TrainConfig
from train.data import Data
from train.datasets import LabelledPicture
from train.evaluate import predict
from train.explain.seeing import see
from train.loop import open_session, train
from train.panel_cams import maps_of, weakest_class
from train.panels import draw_panel
from train.team import ALONE
from train.tracking import open_tracker
from train.validation import Measured, measure

CPU = torch.device("cpu")


@pytest.fixture
def network(tiny_config: TrainConfig) -> torch.nn.Module:
    torch.manual_seed(1)
    return build_network(tiny_config.network).eval()


def measured(
    network: torch.nn.Module,
    pictures: list[LabelledPicture],
    config: TrainConfig,
    cam_class: int | None = None,
) -> Measured:
    return measure(network, pictures, config=config, team=ALONE, device=CPU, cam_class=cam_class)


def test_panels_show_the_weakest_class_unless_another_is_asked_for(
    tiny_config: TrainConfig, pictures: list[LabelledPicture], network: torch.nn.Module
) -> None:
    found = measured(network, pictures, tiny_config)
    iou = found.areas.class_iou
    assert iou[weakest_class(found.areas)] == np.nanmin(iou)
    names = tiny_config.classes.names
    assert {panel.cam_class for panel in found.panels} == {names[weakest_class(found.areas)]}
    chosen = measured(network, pictures, tiny_config, cam_class=5).panels[0]
    assert chosen.cam_class == "moveable"
    assert chosen.cam_HW is not None
    assert chosen.cam_HW.shape == chosen.labels_HW.shape
    assert 0 <= chosen.cam_HW.min() < chosen.cam_HW.max() <= 1


def test_absent_classes_are_not_the_weakest(tiny_config: TrainConfig) -> None:
    class Blind(torch.nn.Module):
        """Never says rider, and there is none."""

        def __init__(self) -> None:
            super().__init__()
            self.segmentation_head = torch.nn.Conv2d(3, 6, 1)
            torch.nn.init.zeros_(self.segmentation_head.weight)
            bias = torch.nn.Parameter(torch.tensor([0.0, 1, 0, 0, -9, 0]))
            self.segmentation_head.bias = bias

        def forward(self, values_NCHW: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.segmentation_head(values_NCHW)
            return logits

    picture = draw_picture(1)
    labels = np.where(picture.labels_HW == 4, 1, picture.labels_HW)
    found = measured(Blind(), [replace(picture, labels_HW=labels)], tiny_config)
    assert np.isnan(found.areas.class_iou[4])
    assert weakest_class(found.areas) != 4


def test_the_map_is_that_of_pytorch_grad_cam_on_the_picture(
    tiny_config: TrainConfig, network: torch.nn.Module
) -> None:
    pytest.importorskip("pytorch_grad_cam")
    # Another shape than the input, so that the bars have to be cut off.
    picture = draw_picture(3, size=(96, 96))
    spec = InputSpec(size=(64, 96), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    with maps_of(network) as maps:
        predict(network, picture.pixels_HWC, spec=spec)
    ours = maps.heat(1, size=(96, 96), spec=spec)
    assert ours is not None
    seen = see(network, picture, spec=spec)
    theirs = grad_cam(network, seen.values_NCHW, layer="head", target_class=1)[0]
    shown = cv2.resize(seen.place.crop(theirs, input_size=spec.size), (96, 96))
    inside = np.s_[8:-8, 8:-8]
    assert np.corrcoef(ours[inside].ravel(), shown[inside].ravel())[0, 1] > 0.99


def test_a_network_that_paints_objects_has_panels_without_heat(
    tiny_config: TrainConfig, pictures: list[LabelledPicture]
) -> None:
    spec = NetworkSpec(
        architecture="mask-rcnn",
        encoder="resnet18",
        decoder_channels=16,
        background_id=0,
        proposals_max=8,
    )
    network = build_network(spec).eval()
    panel = measured(network, pictures[:1], replace(tiny_config, network=spec)).panels[0]
    assert panel.cam_HW is None
    with_heat = replace(panel, cam_HW=np.zeros(panel.labels_HW.shape), cam_class="road")
    assert draw_panel(panel).shape[1] < draw_panel(with_heat).shape[1]


def test_a_training_writes_panels_with_the_heat_of_the_class_asked_for(
    tiny_config: TrainConfig, pictures: list[LabelledPicture], tmp_path: Path
) -> None:
    data = Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])
    config = replace(tiny_config, phases=tiny_config.phases[:1])
    out = tmp_path / "out"
    tracker = open_tracker(out, mode="disabled", config={})
    session = open_session(config)
    session.show_heat_of("lane mark")
    train(config, session=session, data=data, out=out, say=str, tracker=tracker)
    (written,) = (out / "panels").glob("*.png")
    height, width = pictures[3].labels_HW.shape
    shown = cv2.imread(str(written))
    assert shown is not None
    # Picture, truth, labels and heat, with a gap around each.
    assert shown.shape[1] == 4 * width + 5 * 6
    assert shown.shape[0] > height
    with pytest.raises(UsageError, match="lane marc"):
        session.show_heat_of("lane marc")
