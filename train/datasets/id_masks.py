"""A folder of images, a folder of 8-bit class-id PNGs, and optionally a manifest.

Layout: ``images/NAME.png`` and ``masks/NAME.png`` of the same size. ``manifest.json`` is a list of
objects with ``file`` and, where known, ``split`` and ``group`` (the ride). ``classes.json`` says
what the ids mean; without it they are those of a night ride. 255 is unlabelled; the indices of a
palette PNG count as ids.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from losszero_rt.classmap import NIGHT_RIDE, ClassMap
from losszero_rt.errors import InputError, LossZeroError
from train.datasets.image_files import (
    IMAGE_SUFFIXES,
    list_files,
    read_ids,
    read_pixels,
    relabel,
)
from train.datasets.json_files import read_json
from train.datasets.layout import Survey, pair_up
from train.datasets.picture import LabelledPicture, make_picture
from train.datasets.picture_set import PictureRecord

NAME = "id-masks"
SHAPE = "images/NAME.png and masks/NAME.png, 8-bit class ids, of the same size"
MANIFEST_NAME = "manifest.json"
CLASSES_NAME = "classes.json"
_REMEDY = "write a list of objects with file and split"


def recognises(folder: Path) -> bool:
    """Tell whether ``images`` and ``masks`` lie here."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def survey(
    folder: Path, *, classes: ClassMap | None = None, id_map: Mapping[int, int] | None = None
) -> Survey:
    """Find the pairs of a folder; see :func:`train.datasets.open_pictures`."""
    faults: list[str] = []
    known = classes or _read_classes(folder / CLASSES_NAME)
    rows = _read_manifest(folder / MANIFEST_NAME)
    images = list_files(folder / "images", suffixes=IMAGE_SUFFIXES, root=folder, faults=faults)
    masks = list_files(folder / "masks", suffixes=IMAGE_SUFFIXES, root=folder, faults=faults)
    faults += [f"{stem} of {MANIFEST_NAME} is not there" for stem in sorted({*rows} - {*images})]
    records = [
        PictureRecord(
            name=image.name,
            image=image,
            label_files=(mask,),
            ride=str(rows.get(stem, {}).get("group", "")),
            split=rows.get(stem, {}).get("split"),
        )
        for stem, image, mask in pair_up(images, masks, faults=faults)
    ]
    read = partial(_read, classes=known, id_map=id_map or {})
    return Survey(classes=known, records=records, read=read, faults=faults)


def _read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """Return the rows by the stem of their file; none if there is no manifest."""
    if not path.exists():
        return {}
    rows = read_json(path, remedy=_REMEDY)
    try:
        return {Path(row["file"]).stem: dict(row) for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error!r}", remedy=_REMEDY) from error


def _read_classes(path: Path) -> ClassMap:
    if not path.exists():
        return NIGHT_RIDE
    named = read_json(path)
    try:
        return ClassMap(
            names=tuple(str(name) for name in named["names"]),
            colours=tuple((int(r), int(g), int(b)) for r, g, b in named["colours"]),
            background_id=int(named["background_id"]),
        )
    except (LossZeroError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read: {error!r}",
            accepted="an object with names, colours and background_id",
        ) from error


def _read(
    record: PictureRecord, *, classes: ClassMap, id_map: Mapping[int, int]
) -> LabelledPicture:
    (mask,) = record.label_files
    pixels_HWC, ids_HW = read_pixels(record.image), read_ids(mask)
    return make_picture(
        record.name,
        pixels_HWC=pixels_HWC,
        labels_HW=relabel(ids_HW, name=mask.name, classes=classes, id_map=id_map),
        classes=classes,
        ride=record.ride,
    )
