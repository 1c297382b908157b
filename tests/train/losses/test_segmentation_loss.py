from dataclasses import replace

import pytest
import torch

from losszero_rt.errors import UsageError
from train.config import LossWeights
from train.losses import combined, segmentation_loss

SIX = (1.0,) * 6
NOTHING = LossWeights(classes=SIX, cross_entropy=1.0, dice=0.0)
TERMS = ("cross_entropy", "focal", "dice", "tversky", "lovasz", "boundary")


def logits_of(labels_NHW: torch.Tensor, *, sureness: float = 20.0) -> torch.Tensor:
    ids = torch.arange(6).view(1, -1, 1, 1)
    return (labels_NHW.unsqueeze(1) == ids).float() * sureness


def only(term: str) -> LossWeights:
    off = dict.fromkeys(TERMS, 0.0)
    return LossWeights(classes=SIX, **(off | {term: 1.0}))


@pytest.fixture(name="labels_NHW")
def drawn_labels() -> torch.Tensor:
    return torch.randint(0, 6, (2, 16, 24), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("term", TERMS)
def test_every_term_prefers_the_right_answer(term: str, labels_NHW: torch.Tensor) -> None:
    weights = only(term)
    right = segmentation_loss(logits_of(labels_NHW), labels_NHW, weights=weights)
    wrong = segmentation_loss(logits_of((labels_NHW + 1) % 6), labels_NHW, weights=weights)
    assert right < wrong
    if term != "boundary":
        assert right.item() < 1e-3


def test_terms_are_summed_by_their_weights(labels_NHW: torch.Tensor) -> None:
    logits = torch.randn(2, 6, 16, 24, generator=torch.Generator().manual_seed(2))
    alone = [segmentation_loss(logits, labels_NHW, weights=only(term)) for term in TERMS]
    numbers = dict(zip(TERMS, (1.0, 2.0, 0.5, 0.25, 3.0, 4.0), strict=True))
    weights = LossWeights(classes=SIX, **numbers)
    expected = sum(n * t.item() for n, t in zip(numbers.values(), alone, strict=True))
    together = segmentation_loss(logits, labels_NHW, weights=weights).item()
    assert together == pytest.approx(expected, rel=1e-5)


def test_terms_of_weight_zero_are_not_computed(
    labels_NHW: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("focal_loss", "dice_loss", "tversky_loss", "lovasz_loss", "outline_loss"):
        monkeypatch.delattr(combined, name)
    monkeypatch.setattr(torch.Tensor, "softmax", None)
    logits = logits_of(labels_NHW).requires_grad_()
    assert segmentation_loss(logits, labels_NHW, weights=NOTHING).item() < 1e-3


@pytest.mark.parametrize("term", TERMS)
def test_ignored_pixels_have_no_gradient(term: str, labels_NHW: torch.Tensor) -> None:
    labels_NHW[:, :8] = 255
    logits = torch.randn(2, 6, 16, 24, generator=torch.Generator().manual_seed(2))
    logits.requires_grad_()
    torch.autograd.backward(segmentation_loss(logits, labels_NHW, weights=only(term)))
    assert logits.grad is not None
    assert logits.grad[:, :, :8].abs().max() == 0
    assert logits.grad[:, :, 8:].abs().max() > 0


@pytest.mark.parametrize("term", TERMS)
def test_all_pixels_ignored_gives_zero_not_nan(term: str) -> None:
    labels = torch.full((1, 8, 8), 255)
    logits = torch.zeros((1, 6, 8, 8), requires_grad=True)
    loss = segmentation_loss(logits, labels, weights=only(term))
    torch.autograd.backward(loss)
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_logits_at_a_lower_stride_are_upsampled(labels_NHW: torch.Tensor) -> None:
    logits = torch.zeros(2, 6, 4, 6)
    expected = torch.log(torch.tensor(6.0)).item()
    assert segmentation_loss(logits, labels_NHW, weights=NOTHING).item() == pytest.approx(expected)


def test_weights_that_teach_nothing_are_refused() -> None:
    with pytest.raises(UsageError, match="one term above 0"):
        replace(NOTHING, cross_entropy=0.0)
    with pytest.raises(UsageError, match="no weight below 0"):
        replace(NOTHING, dice=-1.0)
