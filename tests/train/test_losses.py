import pytest
import torch

from train.config import LossWeights
from train.losses import dice_loss, lovasz_loss, segmentation_loss

WEIGHTS = LossWeights(classes=(1.0,) * 6, dice=0.5, lovasz=0.5)


def logits_of(labels_NHW: torch.Tensor, *, sureness: float = 20.0) -> torch.Tensor:
    ids = torch.arange(6).view(1, -1, 1, 1)
    return (labels_NHW.unsqueeze(1) == ids).float() * sureness


@pytest.fixture(name="labels_NHW")
def drawn_labels() -> torch.Tensor:
    return torch.randint(0, 6, (2, 16, 24), generator=torch.Generator().manual_seed(1))


def test_a_perfect_answer_costs_nothing_and_a_wrong_one_much(labels_NHW: torch.Tensor) -> None:
    right = segmentation_loss(logits_of(labels_NHW), labels_NHW, weights=WEIGHTS)
    wrong = segmentation_loss(logits_of((labels_NHW + 1) % 6), labels_NHW, weights=WEIGHTS)
    assert right.item() < 1e-3
    assert wrong.item() > 5


def test_ignored_pixels_have_no_gradient(labels_NHW: torch.Tensor) -> None:
    labels_NHW[:, :8] = 255
    logits = torch.randn(2, 6, 16, 24, generator=torch.Generator().manual_seed(2))
    logits.requires_grad_()
    torch.autograd.backward(segmentation_loss(logits, labels_NHW, weights=WEIGHTS))
    assert logits.grad is not None
    assert logits.grad[:, :, :8].abs().max() == 0
    assert logits.grad[:, :, 8:].abs().max() > 0


@pytest.mark.parametrize("loss", [dice_loss, lovasz_loss])
def test_all_pixels_ignored_gives_zero_not_nan(loss: object) -> None:
    assert callable(loss)
    labels = torch.full((1, 4, 4), 255)
    assert loss(torch.full((1, 6, 4, 4), 1 / 6), labels).item() == 0


def test_lovasz_of_a_hard_answer_is_one_minus_iou() -> None:
    truth = torch.tensor([[[0, 0, 0, 1], [1, 1, 0, 0]]])
    answer = torch.tensor([[[0, 0, 1, 1], [1, 0, 0, 0]]])
    one_hot = (answer.unsqueeze(1) == torch.arange(2).view(1, 2, 1, 1)).float()
    expected = ((1 - 4 / 6) + (1 - 2 / 4)) / 2
    assert lovasz_loss(one_hot, truth).item() == pytest.approx(expected, abs=1e-6)


def test_logits_at_a_lower_stride_are_upsampled(labels_NHW: torch.Tensor) -> None:
    logits = torch.zeros(2, 6, 4, 6)
    expected = torch.log(torch.tensor(6.0)).item()
    plain = LossWeights(classes=(1.0,) * 6, dice=0.0)
    assert segmentation_loss(logits, labels_NHW, weights=plain).item() == pytest.approx(expected)
