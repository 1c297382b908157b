import numpy as np
import pytest
import torch
from torch import nn

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.metrics import BoundaryKeeper
from losszero_rt.preprocess import InputSpec
from train.datasets import LabelledPicture
from train.evaluate import predict, score

SPEC = InputSpec(size=(64, 112), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class Brightness(nn.Module):
    """Answers class 1 where the input is bright, class 0 where it is dark."""

    def forward(self, pixels_NCHW: torch.Tensor) -> torch.Tensor:
        bright = nn.functional.avg_pool2d(pixels_NCHW.mean(1, keepdim=True), 4)
        return torch.cat([-bright, bright], 1)


@pytest.mark.parametrize("size", [(36, 63), (128, 224), (100, 100)])
def test_labels_have_the_size_and_place_of_the_picture(size: tuple[int, int]) -> None:
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[size[0] // 2 :] = 255
    labels = predict(Brightness(), pixels, spec=SPEC)
    assert labels.shape == size
    assert labels.dtype == np.uint8
    margin = max(2, size[0] // 16)
    assert (labels[: size[0] // 2 - margin] == 0).all()
    assert (labels[size[0] // 2 + margin :] == 1).all()


def test_score_counts_every_picture_at_mask_size(pictures: list[LabelledPicture]) -> None:
    boundary = BoundaryKeeper(NIGHT_RIDE)
    scores = score(Brightness(), pictures, spec=SPEC, classes=NIGHT_RIDE, boundary=boundary)
    assert scores.n == len(pictures) == len(boundary)
    assert scores.total.sum() == sum(picture.labels_HW.size for picture in pictures)
