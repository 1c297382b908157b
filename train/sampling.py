"""Which picture, crop and light is sample ``index`` of epoch ``epoch``: a pure function of both.

Nothing here remembers anything between samples, so a training that is killed and resumed sees
what an unbroken one would have seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from losszero_rt.errors import InputError
from train.augment import crop_pair, night
from train.config import SourceName, TrainConfig
from train.datasets.picture import LabelledPicture
from train.paste import paste_bike, paste_lane_marks, paste_vehicles

LANE_PASTE_RATE = 0.25
VEHICLE_PASTE_RATE = 0.25


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """Draws training crops from several sources.

    Attributes:
        config: Shares, phases and seed.
        sources: Pictures by source name; sources without pictures are never drawn.
    """

    config: TrainConfig
    sources: Mapping[SourceName, Sequence[LabelledPicture]]

    def __post_init__(self) -> None:
        if not any(self.sources.get(name) for name in self.config.shares):
            raise InputError(
                "no picture to train on",
                accepted=f"sources: {', '.join(self.config.shares)}",
                remedy="pass --data",
            )

    def batch(self, epoch: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the batch of a step within an epoch.

        Returns:
            Normalised float32 pixels (N, 3, H, W) in channels-last layout and int64 labels
            (N, H, W).
        """
        size = self.config.phase_of(epoch).batch_size
        pairs = [self.sample(epoch, step * size + slot) for slot in range(size)]
        return (
            normalised(np.stack([pixels for pixels, _ in pairs]), config=self.config),
            torch.from_numpy(np.stack([labels for _, labels in pairs])).long(),
        )

    def sample(self, epoch: int, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return one crop: uint8 RGB (H, W, 3) and uint8 labels (H, W)."""
        config = self.config
        rng = np.random.default_rng((config.seed, epoch, index))
        picture = self._draw(rng)
        pair = self._composed(picture, rng)
        pixels, labels = crop_pair(pair, phase=config.phase_of(epoch), spec=config.input, rng=rng)
        has_bike = bool(np.isin(labels, config.classes.ids_of(("my bike", "rider"))).any())
        lit = night(pixels, is_night=picture.is_night, has_bike=has_bike, rng=rng)
        return lit, labels

    def _draw(self, rng: np.random.Generator) -> LabelledPicture:
        present = [name for name in self.config.shares if self.sources.get(name)]
        shares = np.array([self.config.shares[name] for name in present])
        source = self.sources[present[int(rng.choice(len(present), p=shares / shares.sum()))]]
        # Of a source with day and night, a night picture is drawn twice as often.
        weights = np.array([2.0 if picture.is_night else 1.0 for picture in source])
        return source[int(rng.choice(len(source), p=weights / weights.sum()))]

    def _composed(
        self, picture: LabelledPicture, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the picture, sometimes with another's bike, vehicles or lane marks in it."""
        pair = picture.pixels_HWC, picture.labels_HW
        classes = self.config.classes
        donors = self.sources.get("night_ride", ())
        if rng.random() < LANE_PASTE_RATE and donors:
            pair = paste_lane_marks(pair, donor=_any(donors, rng), classes=classes)
        if rng.random() < VEHICLE_PASTE_RATE:
            pair = paste_vehicles(pair, donor=_any([self._draw(rng)], rng), classes=classes)
        riders = [donor for donor in donors if donor.has_bike]
        if riders and not picture.has_bike and rng.random() < self.config.paste_rate:
            pixels, labels = _any(riders, rng)
            lit = night(pixels, is_night=True, has_bike=True, rng=rng)
            pair = paste_bike(pair, donor=(lit, labels), classes=classes)
        return pair


def _any(
    pictures: Sequence[LabelledPicture], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one picture, mirrored or not."""
    picture = pictures[int(rng.integers(len(pictures)))]
    if rng.random() < 0.5:
        return picture.pixels_HWC, picture.labels_HW
    return picture.pixels_HWC[:, ::-1].copy(), picture.labels_HW[:, ::-1].copy()


def normalised(pixels_NHWC: np.ndarray, *, config: TrainConfig) -> torch.Tensor:
    """Return uint8 RGB (N, H, W, 3) as the float32 (N, 3, H, W) that the network takes."""
    mean = torch.tensor(config.input.mean) * 255
    std = torch.tensor(config.input.std) * 255
    values = (torch.from_numpy(pixels_NHWC).float() - mean) / std
    return values.permute(0, 3, 1, 2)
