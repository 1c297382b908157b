"""The transforms of a training, in order."""

from functools import cache
from typing import Any

from torchvision.transforms import v2

from losszero_rt.classmap import ClassMap
from losszero_rt.preprocess import InputSpec
from train.augment.crop import AffineCrop
from train.augment.light import Blur, Compression, Exposure, Headlights, SensorNoise
from train.config import Phase

BIKE_CLASSES = ("my bike", "rider")


@cache
def augmentation(
    *, phase: Phase, spec: InputSpec, classes: ClassMap, is_night: bool, night: bool
) -> Any:
    """Return what makes a training crop of a sample: geometry, then light.

    Args:
        phase: Crop size and range of magnifications.
        spec: The network input that magnification 1 refers to.
        classes: Tell which pixels are bike and rider.
        is_night: Whether the picture is dark already.
        night: Whether the crop is to look like a night ride at all.
    """
    geometry = [AffineCrop(phase=phase, spec=spec), v2.RandomHorizontalFlip(p=0.5)]
    if not night:
        # Taken for dark already, a picture keeps its time of day.
        return v2.Compose([*geometry, light(is_night=True)])
    bike_ids = tuple(i for i, name in enumerate(classes.names) if name in BIKE_CLASSES)
    headlights = Headlights(bike_ids=bike_ids, p=0.6)
    return v2.Compose([*geometry, light(is_night=is_night, after_exposure=(headlights,))])


@cache
def light(*, is_night: bool, after_exposure: tuple[v2.Transform, ...] = ()) -> Any:
    """Return the photometry: exposure, blur, noise and compression."""
    return v2.Compose(
        [
            Exposure(is_night=is_night),
            *after_exposure,
            Blur(p=0.3),
            SensorNoise(p=0.5),
            Compression(p=0.3),
        ]
    )
