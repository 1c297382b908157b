"""Pictures that show what labelled ones do not: overflows, frozen engines, the night.

Shape letters: N pictures, H, W height and width.
"""

from collections.abc import Sequence

import numpy as np

from losszero_rt.preprocess import InputSpec
from losszero_rt.ride import Ride, RideSpec

EDGES = ("black", "white", "noise")
NUM_RIDES = 8


def edge_inputs(spec: InputSpec) -> np.ndarray:
    """Return black, white and noise, uint8 (3, H, W, 3): where half precision overflows first."""
    noise_HWC = np.random.default_rng(0).integers(0, 256, (*spec.size, 3), np.uint8)
    black_HWC = spec.new_input()
    return np.stack([black_HWC, black_HWC + 255, noise_HWC])


def draw_inputs(spec: InputSpec, *, num: int = NUM_RIDES) -> np.ndarray:
    """Draw frames of different night rides as network inputs, uint8 (num, H, W, 3)."""
    inputs_NHWC = np.zeros((num, *spec.size, 3), np.uint8)
    size = (spec.size[0] * 5 // 4, spec.size[1] * 5 // 4)
    for seed, pixels_HWC in enumerate(inputs_NHWC):
        ride = Ride(RideSpec(size=size, seed=seed))
        spec.fill_pixels(ride.render(30 + 11 * seed).pixels_HWC, pixels_HWC)
    return inputs_NHWC


def probe_names(num_inputs: int) -> tuple[str, ...]:
    """Return what to call edge inputs followed by drawn ones, in messages."""
    return (*EDGES, *(f"night {index}" for index in range(num_inputs - len(EDGES))))


def num_distinct(labels: Sequence[np.ndarray]) -> int:
    """Count the different label maps among some."""
    return len({labels_hw.tobytes() for labels_hw in labels})
