"""Rendered rides as labelled pictures, with exact labels and any number of unseen places.

Every other one is seen from a car: these teach, together with comma10k, that a dark bottom of
the picture is no bike.
"""

from losszero_rt.preprocess import InputSpec
from losszero_rt.ride import Ride, RideSpec
from losszero_rt.ride.spec import Viewpoint, Walkers
from train.datasets.picture import LabelledPicture

# Below lie the seeds of the demo, of the tests and of the benchmarks, so they stay unseen.
FIRST_SEED = 10_000
CAR_EVERY = 2


def read_rides(
    num_rides: int, *, spec: InputSpec, walker_share: float = 0.0
) -> list[LabelledPicture]:
    """Draw one picture of each of many rides; equal arguments give equal bytes.

    Args:
        num_rides: Number of rides, and of pictures.
        spec: Network input; the pictures are a fourth finer, to stand being magnified.
        walker_share: Share of the rides with many people on foot, most of them in dark clothes;
            the others have a few, far away.
    """
    size = (spec.size[0] * 5 // 4, spec.size[1] * 5 // 4)
    return [
        _picture(FIRST_SEED + index, size, "many" if _is_peopled(index, walker_share) else "few")
        for index in range(num_rides)
    ]


def _is_peopled(index: int, share: float) -> bool:
    """Spread a share over the rides as evenly as it goes, over both seats of the camera."""
    # Two rides in a row are one seen from a motorcycle and one from a car.
    pair = index // CAR_EVERY
    return int((pair + 1) * share) > int(pair * share)


def _picture(seed: int, size: tuple[int, int], walkers: Walkers) -> LabelledPicture:
    from_car = seed % CAR_EVERY == 0
    viewpoint: Viewpoint = "car" if from_car else "motorcycle"
    spec = RideSpec(size=size, seed=seed, viewpoint=viewpoint, walkers=walkers)
    frame = Ride(spec).render(seed * 37 % 600)
    return LabelledPicture(
        name=f"ride {seed}",
        pixels_HWC=frame.pixels_HWC,
        labels_HW=frame.labels_HW,
        has_bike=not from_car,
        is_night=True,
    )
