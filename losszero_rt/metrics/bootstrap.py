"""Confidence intervals over images: the percentile bootstrap, all resamples at once.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. The image is
the unit that is drawn, because the pixels of one image are anything but independent.
"""

import warnings

import numpy as np


def resampled_totals(counts: np.ndarray, *, num_resamples: int, seed: int) -> np.ndarray:
    """Sum the counts of images drawn with replacement.

    Args:
        counts: int64 (n, ...), one row an image, n >= 1.
        num_resamples: How often n images are drawn.
        seed: Seed of the draws.

    Returns:
        float64 (num_resamples, ...): totals of each draw.
    """
    n = counts.shape[0]
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=num_resamples)
    totals = draws.astype(np.float64) @ counts.reshape(n, -1).astype(np.float64)
    return totals.reshape(num_resamples, *counts.shape[1:])


def interval95(samples: np.ndarray) -> np.ndarray:
    """Return the 2.5 % and 97.5 % points along the first axis, float64 (2, ...).

    NaN samples (a class absent from a draw) are left out; NaN where no sample is left.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all-NaN slices are an answer here
        return np.asarray(np.nanpercentile(samples, (2.5, 97.5), axis=0))


def mean_present(values: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis without NaN; NaN where nothing is present."""
    present = ~np.isnan(values)
    num = present.sum(axis=-1)
    total = np.where(present, values, 0.0).sum(axis=-1)
    return np.where(num > 0, total / np.maximum(num, 1), np.nan)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole as float64, NaN where the whole is zero."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def json_number(value: float) -> float | None:
    """Return a number rounded for a report, None for NaN."""
    return None if np.isnan(value) else round(float(value), 6)
