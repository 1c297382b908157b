"""The pictures that int8 ranges are measured on: none that scores are measured on.

Ranges fitted to the pictures of the scores would flatter them. A picture is known by its pixels,
so that neither another name nor another folder hides it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from export.engine_request import EngineRequest
from export.labelled import LabelledPicture, read_labelled
from losszero_rt.errors import InputError
from losszero_rt.preprocess import InputSpec


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """What ranges may be measured on.

    Attributes:
        pictures: At least one.
        num_scored: Pictures that were there too, and left out because they are scored.
        name: What to call the set: its folder, and its split after a slash.
    """

    pictures: Sequence[LabelledPicture]
    num_scored: int
    name: str


def read_calibration(
    folder: Path, *, split: str = "", scored: Sequence[LabelledPicture] = ()
) -> Calibration:
    """Read labelled pictures, and leave out those that are scored.

    Args:
        folder: Where they lie.
        split: Rows of its manifest; empty for all.
        scored: Pictures that scores and parity are measured on.

    Raises:
        InputError: If they cannot be read, or nothing is left of them.
    """
    found = read_labelled(folder, split=split)
    known = {_digest(picture) for picture in scored}
    kept = [picture for picture in found if _digest(picture) not in known]
    name = f"{folder.resolve().name}/{split}" if split else folder.resolve().name
    if not kept:
        raise InputError(
            f"all {len(found)} pictures of {name} are scored too, and ranges fitted to them would "
            "flatter the scores",
            accepted="pictures that scores are not measured on",
            remedy="name a --split of --labelled that leaves some to measure on, or another "
            "--calibration folder",
        )
    return Calibration(pictures=kept, num_scored=len(found) - len(kept), name=name)


def calibration_inputs(request: EngineRequest, *, spec: InputSpec) -> np.ndarray | None:
    """Return what eight-bit ranges of an engine are measured on, uint8 (N, H, W, 3).

    Args:
        request: The engine.
        spec: Its input.

    Returns:
        None where it names no pictures: then night rides are drawn.

    Raises:
        InputError: If they cannot be read, or nothing is left of them.
    """
    if not request.calibration:
        return None
    labelled = Path(request.labelled) if request.labelled else None
    found = read_calibration(
        Path(request.calibration),
        split=request.calibration_split,
        scored=read_labelled(labelled, split=request.split) if labelled else (),
    )
    inputs_NHWC = np.stack([spec.new_input() for _ in found.pictures])
    for picture, pixels_HWC in zip(found.pictures, inputs_NHWC, strict=True):
        spec.fill_pixels(picture.pixels_HWC, pixels_HWC)
    return inputs_NHWC


def _digest(picture: LabelledPicture) -> bytes:
    pixels_HWC = picture.pixels_HWC
    return hashlib.sha256(f"{pixels_HWC.shape} ".encode() + pixels_HWC.tobytes()).digest()
