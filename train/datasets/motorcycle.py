"""Motorcycle Night Ride as it is published: COCO annotations beside images and colour masks.

Layout: ``COCO_motorcycle (pixel).json`` and ``images/`` with ``night ride (1).png`` and
``night ride (1).png___fuse.png``. Either the annotations or the colour masks suffice. Where both
are there the annotations win, because they tell objects apart; a picture that they do not mention
takes its colour mask. :func:`verify_night_ride` says how far the two agree.

Annotations overlap. They are drawn in the order undrivable, road, lane mark, moveable, my bike,
rider, and by rising id within a class: what is nearer to the camera covers what is behind it.
Crowds are drawn but are no object. What nothing covers is unlabelled, and so are black or
transparent pixels of a colour mask.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from losszero_rt.classmap import NIGHT_RIDE, PALETTES, ClassMap, Rgb
from losszero_rt.errors import InputError, UsageError
from train.datasets.coco import CocoPicture, read_coco
from train.datasets.image_files import (
    check_pair,
    is_inside,
    read_colours,
    read_header,
    read_pixels,
    relabel,
)
from train.datasets.layout import Survey
from train.datasets.picture import LabelledPicture, make_picture
from train.datasets.picture_set import PictureRecord

NAME = "motorcycle"
SHAPE = "COCO_motorcycle (pixel).json or images/NAME.png___fuse.png, beside images/NAME.png"
COCO_PATTERN = "COCO*.json"
FUSE_SUFFIX = "___fuse.png"
_DRAWN = ("undrivable", "road", "lane mark", "moveable", "my bike", "rider")
DRAW_ORDER = tuple(NIGHT_RIDE.id_of(name) for name in _DRAWN)
_BLACK = (0, 0, 0)
FUSE_COLOURS: dict[Rgb, int] = {
    **{colour: class_id for class_id, colour in enumerate(PALETTES["classic"])},
    _BLACK: NIGHT_RIDE.ignored_id,
}


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The label sources of the pictures of a folder.

    Attributes:
        images: Image files by name.
        fuses: Colour masks by the name of their image.
        coco: What the annotations say, by the name of the image.
        coco_path: The annotation file; None if there is none.
    """

    images: Mapping[str, Path]
    fuses: Mapping[str, Path]
    coco: Mapping[str, CocoPicture]
    coco_path: Path | None


def recognises(folder: Path) -> bool:
    """Tell whether annotations or a colour mask lie here."""
    return bool(_coco_paths(folder)) or any((folder / "images").glob(f"*{FUSE_SUFFIX}"))


def survey(
    folder: Path, *, classes: ClassMap | None = None, id_map: Mapping[int, int] | None = None
) -> Survey:
    """Find the pictures of a folder; see :func:`train.datasets.open_pictures`."""
    faults: list[str] = []
    sources = find_sources(folder, faults=faults)
    known = classes or NIGHT_RIDE
    records = []
    for name, image in sources.images.items():
        try:
            files = _label_files(name, image, sources)
        except InputError as error:
            faults.append(str(error))
        else:
            records.append(PictureRecord(name=name, image=image, label_files=files))
    notes = []
    if sources.coco and sources.fuses:
        notes.append("annotations and colour masks are both there; the annotations are used")
    read = partial(_read, sources=sources, classes=known, id_map=id_map or {})
    return Survey(classes=known, records=records, read=read, faults=faults, notes=notes)


def find_sources(folder: Path, *, faults: list[str]) -> Sources:
    """Find images, colour masks and annotations; what is broken is added to ``faults``."""
    paths = _coco_paths(folder)
    if len(paths) > 1:
        raise UsageError(
            f"{folder} has several annotation files: {', '.join(path.name for path in paths)}",
            remedy="keep the one to train on",
        )
    images, fuses = _image_files(folder, faults)
    coco = {
        picture.file_name: picture for path in paths for picture in read_coco(path, faults=faults)
    }
    faults += [f"{name} has no image" for name in sorted({*fuses, *coco} - {*images})]
    for picture in coco.values():
        _check_categories(picture, faults)
    return Sources(images=images, fuses=fuses, coco=coco, coco_path=paths[0] if paths else None)


def draw(picture: CocoPicture) -> tuple[np.ndarray, np.ndarray]:
    """Draw the annotations of a picture over one another.

    Returns:
        uint8 labels (H, W) and int32 objects (H, W), 0 where there is none.
    """
    labels_HW = np.full(picture.size, NIGHT_RIDE.ignored_id, np.uint8)
    instances_HW = np.zeros(picture.size, np.int32)
    number = 0
    for class_id in DRAW_ORDER:
        for annotation in picture.annotations:
            if NIGHT_RIDE.id_of(annotation.category) != class_id:
                continue
            mask_HW = annotation.mask(picture.size)
            number += not annotation.crowd
            np.copyto(labels_HW, class_id, where=mask_HW)
            np.copyto(instances_HW, 0 if annotation.crowd else number, where=mask_HW)
    return labels_HW, instances_HW


def read_fuse(path: Path) -> np.ndarray:
    """Return the labels of a colour mask, uint8 (H, W)."""
    return read_colours(path, colours=FUSE_COLOURS, ignored_id=NIGHT_RIDE.ignored_id)


def _coco_paths(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.glob(COCO_PATTERN)
        if path.is_file() and is_inside(path, root=folder)
    )


def _image_files(folder: Path, faults: list[str]) -> tuple[dict[str, Path], dict[str, Path]]:
    images: dict[str, Path] = {}
    fuses: dict[str, Path] = {}
    where = folder / "images"
    if not where.is_dir():
        raise InputError(f"{where} is not a folder", accepted=SHAPE)
    for path in sorted(where.iterdir()):
        if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
            continue
        if not is_inside(path, root=folder):
            faults.append(f"{path} is a link that leaves {folder}")
        elif path.name.endswith(FUSE_SUFFIX):
            fuses[path.name.removesuffix(FUSE_SUFFIX)] = path
        elif "___" not in path.name:
            # NAME.png___save.png is the annotation tool's own drawing, in no fixed colours.
            images[path.name] = path
    return images, fuses


def _check_categories(picture: CocoPicture, faults: list[str]) -> None:
    for category in sorted({each.category for each in picture.annotations}):
        try:
            NIGHT_RIDE.id_of(category)
        except UsageError as error:
            faults.append(f"{picture.file_name}: {error}")


def _label_files(name: str, image: Path, sources: Sources) -> tuple[Path, ...]:
    picture, fuse = sources.coco.get(name), sources.fuses.get(name)
    if picture is not None and sources.coco_path is not None and picture.annotations:
        size = read_header(image).size
        if size != picture.size:
            raise InputError(f"{name} is {size} but {picture.size} in its annotations")
        return (sources.coco_path,)
    if fuse is None:
        raise InputError(f"{name} has no annotation and no {FUSE_SUFFIX} mask")
    check_pair(image, fuse)
    return (fuse,)


def _read(
    record: PictureRecord, *, sources: Sources, classes: ClassMap, id_map: Mapping[int, int]
) -> LabelledPicture:
    (labels_from,) = record.label_files
    pixels_HWC = read_pixels(record.image)
    instances_HW: np.ndarray | None = None
    if labels_from == sources.coco_path:
        labels_HW, instances_HW = draw(sources.coco[record.name])
    else:
        labels_HW = read_fuse(labels_from)
    return make_picture(
        record.name,
        pixels_HWC=pixels_HWC,
        labels_HW=relabel(labels_HW, name=record.name, classes=classes, id_map=id_map),
        classes=classes,
        ride=record.ride,
        instances_HW=instances_HW,
    )
