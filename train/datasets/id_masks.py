"""A folder of images, a folder of 8-bit class-id PNGs, and optionally a manifest with a split.

Layout: ``images/NAME.png`` and ``masks/NAME.png`` of the same size, ``manifest.json`` a list of
objects with at least ``file`` and ``split``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError
from train.datasets.picture import LabelledPicture

Split = Literal["train", "val"]
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
MANIFEST_BYTES_MAX = 16 << 20
# Pictures wider than this hold nothing that survives the way to the network input.
WIDTH_MAX = 1344
NIGHT_LUMA_MAX = 60.0


def read_folder(
    folder: Path,
    *,
    classes: ClassMap,
    split: Split | None = None,
    id_map: Mapping[int, int] | None = None,
) -> list[LabelledPicture]:
    """Read all pairs of a folder, or of one split of it.

    Args:
        folder: Where ``images`` and ``masks`` lie.
        classes: The classes that mask values must belong to.
        split: Which rows of the manifest to read; None reads every pair and needs no manifest.
        id_map: Mask values to replace, after which they must belong to ``classes``.

    Returns:
        The pictures, ordered by file name.

    Raises:
        InputError: If anything is broken; the message lists every broken pair.
    """
    images = _files(folder / "images", IMAGE_SUFFIXES)
    masks = _files(folder / "masks", (".png",))
    wanted = set(images) | set(masks)
    if split is not None:
        wanted &= _stems_of_split(folder / "manifest.json", split)
    pictures: list[LabelledPicture] = []
    faults: list[str] = []
    for stem in sorted(wanted):
        if stem not in images or stem not in masks:
            faults.append(f"{stem} has no {'image' if stem not in images else 'mask'}")
            continue
        read = _read_pair(images[stem], masks[stem], classes, id_map or {})
        if isinstance(read, str):
            faults.append(read)
        else:
            pictures.append(read)
    if faults or not pictures:
        raise InputError(
            f"{folder} has {len(faults)} broken pairs: {'; '.join(faults) or 'and no pair at all'}",
            accepted="images/NAME.png and masks/NAME.png, 8-bit class ids, of the same size",
            remedy="mend or remove these files",
        )
    return pictures


def _files(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder",
            accepted="a data set folder with images/ and masks/",
            remedy="pass --data or set LOSSZERO_DATA",
        )
    return {path.stem: path for path in folder.iterdir() if path.suffix.lower() in suffixes}


def _stems_of_split(manifest: Path, split: Split) -> set[str]:
    remedy = "write a list of objects with file and split"
    if not manifest.is_file() or manifest.stat().st_size > MANIFEST_BYTES_MAX:
        raise InputError(f"{manifest} is absent or too large", remedy=remedy)
    try:
        rows = json.loads(manifest.read_text(encoding="utf-8"))
        return {Path(row["file"]).stem for row in rows if row["split"] == split}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{manifest} cannot be read: {error!r}", remedy=remedy) from error


def _read_pair(
    image: Path, mask: Path, classes: ClassMap, id_map: Mapping[int, int]
) -> LabelledPicture | str:
    """Return the pair, or what is wrong with it."""
    pixels_BGR = cv2.imread(str(image), cv2.IMREAD_COLOR)
    labels_HW = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
    if pixels_BGR is None or labels_HW is None:
        return f"{(image if pixels_BGR is None else mask).name} cannot be decoded"
    if labels_HW.dtype != np.uint8 or labels_HW.ndim != 2:
        return f"{mask.name} is not an 8-bit single-channel mask"
    if pixels_BGR.shape[:2] != labels_HW.shape:
        return f"{image.name} is {pixels_BGR.shape[:2]} but its mask {labels_HW.shape}"
    table = np.arange(256, dtype=np.uint8)
    for value, class_id in id_map.items():
        table[value] = class_id
    labels_HW = table[labels_HW]
    strange = np.setdiff1d(labels_HW, [*range(classes.num_classes), classes.ignored_id])
    if strange.size:
        count = int(np.isin(labels_HW, strange).sum())
        return f"{mask.name} has ids outside the classes: {strange.tolist()} on {count} pixels"
    pixels_HWC, labels_HW = _bounded(cv2.cvtColor(pixels_BGR, cv2.COLOR_BGR2RGB), labels_HW)
    own = [class_id for class_id, name in enumerate(classes.names) if name == "my bike"]
    has_bike = bool(np.isin(labels_HW, own).any())
    return LabelledPicture(
        name=image.name,
        pixels_HWC=pixels_HWC,
        labels_HW=labels_HW,
        has_bike=has_bike,
        is_night=float(pixels_HWC.mean()) < NIGHT_LUMA_MAX,
    )


def _bounded(pixels_HWC: np.ndarray, labels_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = labels_HW.shape
    if width <= WIDTH_MAX:
        return pixels_HWC, labels_HW
    size_wh = (WIDTH_MAX, round(height * WIDTH_MAX / width))
    return (
        cv2.resize(pixels_HWC, size_wh, interpolation=cv2.INTER_AREA),
        cv2.resize(labels_HW, size_wh, interpolation=cv2.INTER_NEAREST),
    )
