"""What a labelling is worth: confusion, IoU, safety rates and boundary IoU, with intervals."""

from losszero_rt.metrics.boundary import BoundaryKeeper, BoundaryScores, boundary_counts
from losszero_rt.metrics.confusion import (
    Intervals,
    ScoreKeeper,
    Scores,
    confusion_matrix,
)

__all__ = [
    "BoundaryKeeper",
    "BoundaryScores",
    "Intervals",
    "ScoreKeeper",
    "Scores",
    "boundary_counts",
    "confusion_matrix",
]
