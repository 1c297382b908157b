"""What a labelling is worth: confusion, IoU, safety rates and boundary IoU, with intervals."""

from losszero_rt.metrics.bands import BANDS, BandKeeper, BandName, band_rows
from losszero_rt.metrics.boundary import BoundaryKeeper, BoundaryScores, boundary_counts
from losszero_rt.metrics.confusion import Intervals, ScoreKeeper, Scores, confusion_matrix
from losszero_rt.metrics.rates import RATES, Rate

__all__ = [
    "BANDS",
    "RATES",
    "BandKeeper",
    "BandName",
    "BoundaryKeeper",
    "BoundaryScores",
    "Intervals",
    "Rate",
    "ScoreKeeper",
    "Scores",
    "band_rows",
    "boundary_counts",
    "confusion_matrix",
]
