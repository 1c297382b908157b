import itertools

import pytest
import torch

from train.losses import dice_loss, lovasz_loss, tversky_loss

# One row of four pixels, two classes; the last pixel is unknown.
LABELS = torch.tensor([[[0, 0, 1, 255]]])
PROBABILITIES = torch.tensor([[[[0.9, 0.6, 0.3, 0.5]], [[0.1, 0.4, 0.7, 0.5]]]])


def test_dice_by_hand() -> None:
    first = (2 * 1.5 + 1) / (1.8 + 2 + 1)
    second = (2 * 0.7 + 1) / (1.2 + 1 + 1)
    expected = 1 - (first + second) / 2
    assert dice_loss(PROBABILITIES, LABELS).item() == pytest.approx(expected, rel=1e-5)


def test_tversky_by_hand() -> None:
    first = (1.5 + 0.5) / (1.5 + 0.3 * 0.3 + 0.7 * 0.5 + 0.5)
    second = (0.7 + 0.5) / (0.7 + 0.3 * 0.5 + 0.7 * 0.3 + 0.5)
    expected = 1 - (first + second) / 2
    found = tversky_loss(PROBABILITIES, LABELS, false_positives=0.3).item()
    assert found == pytest.approx(expected, rel=1e-5)


def test_lovasz_of_a_hard_answer_is_one_minus_iou() -> None:
    truth = torch.tensor([[[0, 0, 0, 1], [1, 1, 0, 0]]])
    answer = torch.tensor([[[0, 0, 1, 1], [1, 0, 0, 0]]])
    one_hot = (answer.unsqueeze(1) == torch.arange(2).view(1, 2, 1, 1)).float()
    expected = ((1 - 4 / 6) + (1 - 2 / 4)) / 2
    assert lovasz_loss(one_hot, truth).item() == pytest.approx(expected, abs=1e-6)


def test_lovasz_is_the_convex_closure_of_the_jaccard_loss() -> None:
    """The extension is the maximum over all orders of adding errors (a greedy polytope)."""
    truth = torch.tensor([[[1, 0, 1, 1, 0]]])
    probability = torch.tensor([0.8, 0.4, 0.3, 0.6, 0.9])
    stacked = torch.stack([1 - probability, probability]).view(1, 2, 1, 5)
    expected = sum(closure(truth.flatten() == one, stacked[0, one, 0]) for one in (0, 1)) / 2
    assert lovasz_loss(stacked, truth).item() == pytest.approx(expected, rel=1e-5)


def closure(truth: torch.Tensor, probability: torch.Tensor) -> float:
    errors = (truth.float() - probability).abs().tolist()

    def jaccard(wrong: set[int]) -> float:
        true = {i for i in range(len(errors)) if truth[i]}
        return len(wrong) / len(true | wrong) if wrong else 0.0

    values = []
    for order in itertools.permutations(range(len(errors))):
        added: set[int] = set()
        value = 0.0
        for index in order:
            grown = added | {index}
            value += errors[index] * (jaccard(grown) - jaccard(added))
            added = grown
        values.append(value)
    return max(values)
