"""The default palette, seen by colour-blind eyes."""

import itertools

import cv2
import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE

# Machado, Oliveira, Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency" (2009), severity 1.0; they apply to linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def lab_seen(colours: np.ndarray, *, deficiency: str) -> np.ndarray:
    """CIELAB of sRGB colours (n, 3), 0..255, as seen with a deficiency."""
    srgb = colours / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = (linear @ DEFICIENCIES[deficiency].T).clip(0, 1)
    encoded = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = cv2.cvtColor(encoded.astype(np.float32)[None], cv2.COLOR_RGB2LAB)
    return np.asarray(lab[0])


def least_distance(colours: np.ndarray, *, deficiency: str) -> float:
    lab = lab_seen(colours, deficiency=deficiency)
    return min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(lab, 2))


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_safe_colours_are_told_apart(deficiency: str) -> None:
    colours = np.array(NIGHT_RIDE.with_palette("safe").colours, np.float64)
    assert least_distance(colours, deficiency=deficiency) > 25  # 2 is just noticeable


def test_the_measure_catches_red_against_green() -> None:
    colours = np.array([(170, 80, 60), (115, 100, 60)], np.float64)
    assert least_distance(colours, deficiency="none") > 35
    assert least_distance(colours, deficiency="deuteranopia") < 10
