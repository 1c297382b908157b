"""Rendered rides as labelled pictures, with exact labels and any number of unseen places.

Every other one is seen from a car: these teach, together with comma10k, that a dark bottom of
the picture is no bike.
"""

from losszero_rt.preprocess import InputSpec
from losszero_rt.ride import Ride, RideSpec
from train.datasets.picture import LabelledPicture

# Below lie the seeds of the demo, of the tests and of the benchmarks, so they stay unseen.
FIRST_SEED = 10_000
CAR_EVERY = 2


def read_rides(num_rides: int, *, spec: InputSpec) -> list[LabelledPicture]:
    """Draw one picture of each of many rides; equal arguments give equal bytes.

    Args:
        num_rides: Number of rides, and of pictures.
        spec: Network input; the pictures are a fourth finer, to stand being magnified.
    """
    size = (spec.size[0] * 5 // 4, spec.size[1] * 5 // 4)
    return [_picture(FIRST_SEED + index, size) for index in range(num_rides)]


def _picture(seed: int, size: tuple[int, int]) -> LabelledPicture:
    from_car = seed % CAR_EVERY == 0
    spec = RideSpec(size=size, seed=seed, viewpoint="car" if from_car else "motorcycle")
    frame = Ride(spec).render(seed * 37 % 600)
    return LabelledPicture(
        name=f"ride {seed}",
        pixels_HWC=frame.pixels_HWC,
        labels_HW=frame.labels_HW,
        has_bike=not from_car,
        is_night=True,
    )
