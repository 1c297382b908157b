import math

import pytest
import torch

from train.losses import cross_entropy, focal_loss

WEIGHTS = torch.tensor([1.0, 12.0, 6.0])


@pytest.fixture(name="logits")
def drawn_logits() -> torch.Tensor:
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture(name="labels")
def drawn_labels() -> torch.Tensor:
    labels = torch.randint(0, 3, (2, 4, 5), generator=torch.Generator().manual_seed(2))
    labels[0, 0] = 255
    return labels


def by_hand(logits: torch.Tensor, labels: torch.Tensor, gamma: float) -> float:
    total = weight_sum = 0.0
    for n, y, x in torch.cartesian_prod(*map(torch.arange, labels.shape)).tolist():
        class_id = int(labels[n, y, x])
        if class_id == 255:
            continue
        powers = [math.exp(value) for value in logits[n, :, y, x].tolist()]
        p = powers[class_id] / sum(powers)
        weight = float(WEIGHTS[class_id])
        total += weight * (1 - p) ** gamma * -math.log(p)
        weight_sum += weight
    return total / weight_sum


def test_cross_entropy_is_the_weighted_mean_over_known_pixels(
    logits: torch.Tensor, labels: torch.Tensor
) -> None:
    loss = cross_entropy(logits, labels, class_weights=WEIGHTS).item()
    assert loss == pytest.approx(by_hand(logits, labels, 0.0), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_loss_is_what_the_paper_writes(
    logits: torch.Tensor, labels: torch.Tensor, gamma: float
) -> None:
    loss = focal_loss(logits, labels, class_weights=WEIGHTS, gamma=gamma).item()
    assert loss == pytest.approx(by_hand(logits, labels, gamma), rel=1e-5)


def test_focal_gradient_is_finite_where_the_network_is_sure(labels: torch.Tensor) -> None:
    sure = torch.zeros(2, 3, 4, 5)
    sure[:, 0] = 200.0
    sure.requires_grad_()
    torch.autograd.backward(focal_loss(sure, labels, class_weights=WEIGHTS, gamma=0.5))
    assert sure.grad is not None
    assert sure.grad.isfinite().all()
