"""Trees as those of Cityscapes, in the 19 classes that are scored.

Layout: ``leftImg8bit/SPLIT/CITY/NAME_leftImg8bit.png`` and
``gtFine/SPLIT/CITY/NAME_gtFine_labelIds.png``. Ids that are not scored become unlabelled. A city is
a ride: no part of a split shares a place with another. Pictures of a split without any mask, as
the published test split, are left out, and noted.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from losszero_rt.classmap import CITYSCAPES, ClassMap
from losszero_rt.errors import InputError
from train.datasets.image_files import is_inside, read_ids, read_pixels, relabel
from train.datasets.layout import Survey, pair_up
from train.datasets.picture import LabelledPicture, make_picture
from train.datasets.picture_set import PictureRecord

NAME = "cityscapes"
SHAPE = "leftImg8bit/SPLIT/CITY/*_leftImg8bit.png and gtFine/SPLIT/CITY/*_gtFine_labelIds.png"
_IMAGE_END, _MASK_END = "_leftImg8bit.png", "_gtFine_labelIds.png"
_NUM_LABEL_IDS = 34
# Label ids in the order of the train ids 0..18, after labels.py of the data set's scripts.
_SCORED = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
TRAIN_IDS = dict.fromkeys(range(_NUM_LABEL_IDS), CITYSCAPES.ignored_id) | {
    label_id: train_id for train_id, label_id in enumerate(_SCORED)
}


def recognises(folder: Path) -> bool:
    """Tell whether both trees lie here."""
    return (folder / "leftImg8bit").is_dir() and (folder / "gtFine").is_dir()


def survey(
    folder: Path, *, classes: ClassMap | None = None, id_map: Mapping[int, int] | None = None
) -> Survey:
    """Find the pairs of a folder; see :func:`train.datasets.open_pictures`."""
    faults: list[str] = []
    notes: list[str] = []
    known = classes or CITYSCAPES
    images = _files(folder, folder / "leftImg8bit", _IMAGE_END, faults)
    masks = _files(folder, folder / "gtFine", _MASK_END, faults)
    for split in sorted({key.split("/")[0] for key in images}):
        of_split = [key for key in images if key.startswith(f"{split}/")]
        if not any(key.startswith(f"{split}/") for key in masks):
            notes.append(f"{split} has {len(of_split)} pictures without masks, left out")
            images = {key: path for key, path in images.items() if key not in of_split}
    records = [
        PictureRecord(
            name=image.name,
            image=image,
            label_files=(mask,),
            ride=key.split("/")[1],
            split=key.split("/")[0],
        )
        for key, image, mask in pair_up(images, masks, faults=faults)
    ]
    read = partial(_read, classes=known, id_map=id_map or {})
    return Survey(
        classes=known,
        records=records,
        read=read,
        faults=faults,
        notes=notes,
        published_split=True,
    )


def _files(folder: Path, tree: Path, end: str, faults: list[str]) -> dict[str, Path]:
    """Return files by ``SPLIT/CITY/NAME``."""
    found: dict[str, Path] = {}
    for path in sorted(tree.glob(f"*/*/*{end}")):
        if is_inside(path, root=folder):
            found[path.relative_to(tree).as_posix().removesuffix(end)] = path
        else:
            faults.append(f"{path} is a link that leaves {folder}")
    return found


def _read(
    record: PictureRecord, *, classes: ClassMap, id_map: Mapping[int, int]
) -> LabelledPicture:
    (mask,) = record.label_files
    pixels_HWC, label_ids_HW = read_pixels(record.image), read_ids(mask)
    if label_ids_HW.max() >= _NUM_LABEL_IDS:
        strange = label_ids_HW >= _NUM_LABEL_IDS
        raise InputError(f"{mask.name} has unknown label ids on {strange.sum()} pixels")
    train_ids_HW = relabel(label_ids_HW, name=mask.name, classes=CITYSCAPES, id_map=TRAIN_IDS)
    return make_picture(
        record.name,
        pixels_HWC=pixels_HWC,
        labels_HW=relabel(train_ids_HW, name=mask.name, classes=classes, id_map=id_map),
        classes=classes,
        ride=record.ride,
    )
