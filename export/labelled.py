"""Labelled pictures that scores and parity are measured on.

Shape letters: H, W height and width, C colour channels.
"""

import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError, reason_of

SUFFIXES = (".png", ".jpg", ".jpeg")
NUM_NAMED = 6
_ACCEPTED = "a folder with images/NAME.png or .jpg, and masks/NAME.png"


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelledPicture:
    """A picture with its true labels.

    Attributes:
        pixels_HWC: uint8 RGB (H, W, 3).
        labels_HW: uint8 class ids (H, W).
        mask: Its file, for messages; empty where there is none.
        file_name: Of the picture, without its folder; empty where there is none.
    """

    pixels_HWC: np.ndarray
    labels_HW: np.ndarray
    mask: str = ""
    file_name: str = ""


def read_labelled(folder: Path, *, split: str = "") -> list[LabelledPicture]:
    """Read ``images/NAME.png`` or JPEGs with ``masks/NAME.png``, 8-bit class ids, by name.

    Args:
        folder: Holds both folders, and ``manifest.json`` where a split is wanted.
        split: Value of ``split`` in the manifest's rows; empty for every pair.

    Raises:
        InputError: If a file is missing, broken, or of another size than its partner.
    """
    _require_folder(folder)
    masks = {p.stem: p for p in _listed(folder / "masks") if p.suffix == ".png"}
    images = {p.stem: p for p in _listed(folder / "images") if p.suffix.lower() in SUFFIXES}
    stems = _stems_of_split(folder / "manifest.json", split) if split else set(images) | set(masks)
    lone = sorted(stems - (set(images) & set(masks)))
    if lone or not stems:
        raise InputError(
            f"{folder} has no pair for {_some(lone) or 'anything'}",
            accepted=_ACCEPTED,
            remedy="add what is absent, or take it out" if lone else "name the folder above both",
        )
    read = [_read_pair(images[stem], masks[stem]) for stem in sorted(stems)]
    if faults := [found for found in read if isinstance(found, str)]:
        raise InputError(
            _some(faults),
            accepted="PNG or JPEG pictures, and PNG masks of 8-bit class ids of the same size",
            remedy="mend them, or take them out",
        )
    return [found for found in read if not isinstance(found, str)]


def _listed(folder: Path) -> list[Path]:
    """Return what lies in a folder; nothing if it is not there.

    Raises:
        InputError: If it may not be read.
    """
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(
            f"{folder} is not to be read: {reason_of(error)}",
            accepted=_ACCEPTED,
            remedy="give this user leave to read it, or name another folder",
        ) from error


def _require_folder(folder: Path) -> None:
    fault = ""
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            fault = "no folder"
    except FileNotFoundError:
        fault = "not there"
    except OSError as error:
        fault = f"not to be read: {reason_of(error)}"
    if fault:
        raise InputError(
            f"{folder} is {fault}", accepted=_ACCEPTED, remedy="name the folder that holds both"
        )


def _some(texts: Sequence[str]) -> str:
    """Return the first few of many texts, and how many more there are."""
    more = f" and {len(texts) - NUM_NAMED} more" if len(texts) > NUM_NAMED else ""
    return ", ".join(texts[:NUM_NAMED]) + more


def _read_pair(image: Path, mask: Path) -> LabelledPicture | str:
    """Read a picture and its mask, or say what is wrong with them."""
    pixels_BGR = cv2.imread(str(image), cv2.IMREAD_COLOR)
    labels_HW = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    if pixels_BGR is None or labels_HW is None:
        bad = image if pixels_BGR is None else mask
        return f"{bad} cannot be decoded" if os.access(bad, os.R_OK) else f"{bad} may not be read"
    if labels_HW.dtype != np.uint8 or labels_HW.shape != pixels_BGR.shape[:2]:
        return f"{mask} is {labels_HW.dtype} {labels_HW.shape} of an image {pixels_BGR.shape[:2]}"
    return LabelledPicture(
        pixels_HWC=cv2.cvtColor(pixels_BGR, cv2.COLOR_BGR2RGB),
        labels_HW=labels_HW,
        mask=str(mask),
        file_name=image.name,
    )


def check_values(pictures: Sequence[LabelledPicture], *, classes: ClassMap, folder: Path) -> None:
    """Refuse masks that hold other values than a network's classes, or nothing to score.

    Raises:
        InputError: If one does, or every pixel of all of them is ignored.
    """
    known = {*range(classes.num_classes), classes.ignored_id}
    found = {value: picture for picture in pictures for value in _values_of(picture)}
    strange = sorted(found.keys() - known)
    if strange:
        raise InputError(
            f"{found[strange[0]].mask or folder} holds the value {strange[0]}, which is no class",
            accepted=f"0 to {classes.num_classes - 1}, and {classes.ignored_id} for ignored pixels",
            remedy="train and export with the same classes, or map the masks to them",
        )
    if pictures and found.keys() <= {classes.ignored_id}:
        raise InputError(
            f"every pixel of the masks of {folder} is ignored ({classes.ignored_id})",
            accepted="masks with pixels of classes",
            remedy="name other pictures",
        )


def _values_of(picture: LabelledPicture) -> list[int]:
    values: list[int] = np.unique(picture.labels_HW).tolist()
    return values


def _stems_of_split(manifest: Path, split: str) -> set[str]:
    stems: dict[str, set[str]] = {}
    try:
        for row in json.loads(manifest.read_text(encoding="utf-8")):
            stems.setdefault(str(row["split"]), set()).add(Path(row["file"]).stem)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{manifest} cannot be read: {error!r}",
            accepted="a list of objects with file, split",
            remedy="leave --split away for every pair of the folder",
        ) from error
    if split not in stems:
        raise InputError(
            f"{manifest} has no rows of the split {split!r}",
            accepted=f"splits: {', '.join(sorted(stems)) or 'none'}",
            remedy="name one of these, or leave --split away for every pair",
        )
    return stems[split]
