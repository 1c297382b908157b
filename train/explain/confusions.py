"""The failures worth a look: which class is taken for which, and where most of it lies.

Shape letters: N pictures, C classes (truth first, then label), H, W height and width.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from train.explain.seeing import Seen

# A pair of classes that shares fewer pixels than this is the width of a border, not a failure.
_LEAST_SHARE = 5e-4
_MARGIN = 0.05  # of the picture's width, around a region

Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Pixels of one class that are taken for another.

    Attributes:
        truth_id: What they are.
        found_id: What the network says.
        share: Part of the true class's pixels, over all pictures, that this happens to.
        index: The picture with most of them.
    """

    truth_id: int
    found_id: int
    share: float
    index: int


def pair_counts(seen: Seen, *, num_classes: int) -> np.ndarray:
    """Return pixels of a picture by truth and label, int64 (C, C); ignored ones are left out."""
    truth_HW = seen.picture.labels_HW
    known_HW = truth_HW < num_classes
    pairs = truth_HW[known_HW].astype(np.int64) * num_classes + seen.labels_HW[known_HW]
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def worst_confusions(counts_NCC: np.ndarray, *, num: int) -> list[Confusion]:
    """Return the pairs of classes of which most is confused, the worst first.

    A pair is measured by the part of the true class that is lost to the other one, so that rare
    classes count as much as common ones.

    Args:
        counts_NCC: :func:`pair_counts` of every picture.
        num: Most pairs.
    """
    total = counts_NCC.sum(0)
    of_truth = total.sum(1, keepdims=True)
    shares = np.divide(total, of_truth, out=np.zeros(total.shape), where=of_truth > 0)
    np.fill_diagonal(shares, 0)
    shares[total < _LEAST_SHARE * total.sum()] = 0
    order = np.argsort(-shares, axis=None, kind="stable")[:num]
    pairs = [divmod(int(place), len(total)) for place in order if shares.flat[place] > 0]
    return [
        Confusion(
            truth_id=truth,
            found_id=found,
            share=float(shares[truth, found]),
            index=int(counts_NCC[:, truth, found].argmax()),
        )
        for truth, found in pairs
    ]


def region_of(confusion: Confusion, seen: Seen) -> tuple[np.ndarray, Box]:
    """Return the largest connected region of a confusion in its picture.

    Returns:
        The region, bool (H, W), and a box around it with a margin: first row, first column, and
        one past the last ones.
    """
    truth_HW = seen.picture.labels_HW == confusion.truth_id
    wrong_HW = truth_HW & (seen.labels_HW == confusion.found_id)
    _, parts_HW, facts, _ = cv2.connectedComponentsWithStats(wrong_HW.astype(np.uint8))
    largest = 1 + int(facts[1:, cv2.CC_STAT_AREA].argmax())
    left, top, width, height = (int(fact) for fact in facts[largest, :4])
    margin = round(_MARGIN * wrong_HW.shape[1])
    box = (
        max(0, top - margin),
        max(0, left - margin),
        min(wrong_HW.shape[0], top + height + margin),
        min(wrong_HW.shape[1], left + width + margin),
    )
    return parts_HW == largest, box
