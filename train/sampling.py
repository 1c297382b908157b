"""Which picture, crop and light is sample ``index`` of epoch ``epoch``: a pure function of both.

Nothing here remembers anything between samples, so a training that is killed and resumed sees
what an unbroken one would have seen, in whichever process a sample is drawn. Pictures are asked
for one by one, so a set that is read lazily is never read as a whole.

Shape letters: N pictures, H, W height and width.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from losszero_rt.errors import InputError
from train.augment import augmentation, drawn_from, from_sample, light, to_sample
from train.augment.sample import as_image, pixels_of
from train.batch import Batch
from train.config import SourceName, TrainConfig
from train.datasets.picture import LabelledPicture
from train.instances import ObjectTargets, find_objects
from train.paste import Scene, paste_bike, paste_lane_marks, paste_vehicles

# Of a source with day and night, a night picture is drawn twice as often.
DAY_KEPT = 0.5
DRAWS_MAX = 64


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """Draws training crops from several sources.

    Attributes:
        config: Shares, phases and seed.
        sources: Pictures by source name; sources without pictures are never drawn.
        with_objects: Whether the objects of each crop are wanted too.
    """

    config: TrainConfig
    sources: Mapping[SourceName, Sequence[LabelledPicture]]
    with_objects: bool = False

    def __post_init__(self) -> None:
        if not any(self.sources.get(name) for name in self.config.shares):
            raise InputError(
                "no picture to train on",
                accepted=f"sources: {', '.join(self.config.shares)}",
                remedy="pass --data",
            )

    def batch(self, epoch: int, step: int, *, slots: Sequence[int] | None = None) -> Batch:
        """Return the batch of a step within an epoch, or those of its samples in ``slots``."""
        size = self.config.phase_of(epoch).batch_size
        chosen = range(size) if slots is None else slots
        samples = [self.sample(epoch, step * size + slot) for slot in chosen]
        return Batch(
            pixels_NHWC=np.stack([pixels for pixels, _, _ in samples]),
            labels_NHW=np.stack([labels for _, labels, _ in samples]),
            objects=[self._objects(labels, instances) for _, labels, instances in samples]
            if self.with_objects
            else None,
        )

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return one crop: uint8 RGB (H, W, 3), uint8 labels (H, W), instances or None."""
        config = self.config
        with drawn_from(config.seed, epoch, index) as rng:
            picture = self._draw(rng)
            scene = self._composed(picture, rng)
            augment = augmentation(
                phase=config.phase_of(epoch),
                spec=config.input,
                classes=config.classes,
                is_night=picture.is_night,
                night=config.night,
            )
            sample = to_sample(scene.pixels_HWC, scene.labels_HW, instances_HW=scene.instances_HW)
            return from_sample(augment(sample))

    def _objects(self, labels_HW: np.ndarray, instances_HW: np.ndarray | None) -> ObjectTargets:
        return find_objects(labels_HW, classes=self.config.classes, instances_HW=instances_HW)

    def _draw(self, rng: np.random.Generator) -> LabelledPicture:
        present = [name for name in self.config.shares if self.sources.get(name)]
        shares = np.array([self.config.shares[name] for name in present])
        source = self.sources[present[int(rng.choice(len(present), p=shares / shares.sum()))]]
        for _ in range(DRAWS_MAX):
            picture = source[int(rng.integers(len(source)))]
            if picture.is_night or not self.config.night or rng.random() < DAY_KEPT:
                break
        return picture

    def _composed(self, picture: LabelledPicture, rng: np.random.Generator) -> Scene:
        """Return the picture, sometimes with another's bike, vehicles or lane marks in it."""
        scene, config = self._scene(picture), self.config
        donors = self.sources.get("night_ride", ())
        if rng.random() < config.lane_paste_rate and donors:
            donor = _mirrored(self._scene(_any(donors, rng)), rng)
            scene = paste_lane_marks(scene, donor=donor, classes=config.classes)
        if rng.random() < config.vehicle_paste_rate:
            donor = _mirrored(self._scene(self._draw(rng)), rng)
            scene = paste_vehicles(scene, donor=donor, classes=config.classes)
        if not picture.has_bike and rng.random() < config.paste_rate:
            rider = _with_bike(donors, rng)
            if rider is not None:
                donor = _mirrored(self._scene(rider), rng)
                lit = pixels_of(light(is_night=True)(as_image(donor.pixels_HWC)))
                donor = replace(donor, pixels_HWC=lit)
                scene = paste_bike(scene, donor=donor, classes=config.classes)
        return scene

    def _scene(self, picture: LabelledPicture) -> Scene:
        return Scene(
            pixels_HWC=picture.pixels_HWC,
            labels_HW=picture.labels_HW,
            instances_HW=picture.instances_HW if self.with_objects else None,
        )


def _any(pictures: Sequence[LabelledPicture], rng: np.random.Generator) -> LabelledPicture:
    return pictures[int(rng.integers(len(pictures)))]


def _with_bike(
    pictures: Sequence[LabelledPicture], rng: np.random.Generator
) -> LabelledPicture | None:
    """Draw among the pictures with a bike; None if none is found in many draws."""
    for _ in range(DRAWS_MAX if pictures else 0):
        picture = _any(pictures, rng)
        if picture.has_bike:
            return picture
    return None


def _mirrored(scene: Scene, rng: np.random.Generator) -> Scene:
    """Return a scene, mirrored or not."""
    return scene if rng.random() < 0.5 else scene.mirrored()
