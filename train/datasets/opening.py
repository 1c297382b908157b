"""Opening a data set of any known layout."""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError, UsageError
from train.datasets import camvid, cityscapes, comma10k, id_masks, motorcycle, parking
from train.datasets.layout import Layout
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import PictureSet

# The first that recognises a folder reads it, so the particular come before the general.
LAYOUTS: tuple[Layout, ...] = (motorcycle, cityscapes, camvid, comma10k, id_masks, parking)
_NAMED_MAX = 6
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")


def open_pictures(
    folder: Path,
    *,
    classes: ClassMap | None = None,
    layout: str = "auto",
    id_map: Mapping[int, int] | None = None,
    thorough: bool = False,
) -> PictureSet:
    """Open the labelled pictures of a folder.

    Args:
        folder: The data set.
        classes: The classes that labels must belong to; None takes those of the layout.
        layout: Name of a layout; ``auto`` takes the first that recognises the folder.
        id_map: Ids of the layout to replace before they are checked against ``classes``.
        thorough: Decode every picture now, so that every fault is found; otherwise names and
            headers are looked at, and a fault within a file shows when it is read.

    Returns:
        The pictures, ordered by name.

    Raises:
        InputError: If anything is broken; the message lists all of it.
        UsageError: If there is no layout of that name.
    """
    opened, faults, shape = _opened(folder, layout=layout, classes=classes, id_map=id_map)
    if thorough:
        faults += opened.faults()
    _refuse(folder, opened, faults, shape)
    return opened


def open_sound_pictures(
    folder: Path, *, classes: ClassMap | None = None, layout: str = "auto"
) -> tuple[PictureSet, list[str]]:
    """Open what can be read of a folder, to look at it in spite of what is broken.

    Args:
        folder: The data set.
        classes: As for :func:`open_pictures`.
        layout: As for :func:`open_pictures`.

    Returns:
        The pictures, ordered by name, perhaps none; and what names and headers show to be broken.
    """
    opened, faults, _ = _opened(folder, layout=layout, classes=classes, id_map=None)
    return opened, faults


def read_folder(
    folder: Path,
    *,
    classes: ClassMap,
    split: Literal["train", "val"] | None = None,
    id_map: Mapping[int, int] | None = None,
) -> list[LabelledPicture]:
    """Read all pairs of an id-mask folder into memory, or those of one split of its manifest.

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
    opened, faults, shape = _opened(folder, layout=id_masks.NAME, classes=classes, id_map=id_map)
    if split is not None:
        opened = opened.of_split(split)
    _refuse(folder, opened, faults + opened.faults(), shape)
    return list(opened)


def _opened(
    folder: Path, *, layout: str, classes: ClassMap | None, id_map: Mapping[int, int] | None
) -> tuple[PictureSet, list[str], str]:
    """Return what can be read, what is broken, and the shape that the layout expects."""
    chosen = _chosen(folder, layout)
    found = chosen.survey(folder, classes=classes, id_map=id_map)
    pictures = PictureSet(
        folder.name,
        classes=found.classes,
        records=found.records,
        read=found.read,
        notes=tuple(found.notes),
        published_split=found.published_split,
    )
    return pictures, found.faults, chosen.SHAPE


def _chosen(folder: Path, layout: str) -> Layout:
    _refuse_archive(folder)
    known = {each.NAME: each for each in LAYOUTS}
    if layout != "auto" and layout not in known:
        raise UsageError(f"unknown layout {layout!r}", accepted=f"auto, {', '.join(known)}")
    if layout != "auto":
        return known[layout]
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder", remedy="name the folder of a data set")
    for each in LAYOUTS:
        if each.recognises(folder):
            return each
    shapes = "; ".join(f"{each.NAME}: {each.SHAPE}" for each in LAYOUTS)
    raise InputError(
        f"{folder} lies in no known layout", accepted=shapes, remedy=_inner_sets(folder)
    )


def _inner_sets(folder: Path) -> str:
    """Return which folders within would do, in words; empty where none would."""
    inner = (path for path in sorted(folder.iterdir()) if path.is_dir())
    fitting = (path for path in inner if any(each.recognises(path) for each in LAYOUTS))
    named = ", ".join(map(str, itertools.islice(fitting, _NAMED_MAX)))
    return named and f"name a folder within that does: {named}"


def _refuse_archive(folder: Path) -> None:
    # Members of an archive may carry ".." or be links; unpacking is left to tools that know.
    if folder.is_file() and folder.suffix.lower() in _ARCHIVES:
        raise InputError(
            f"{folder} is an archive, which is not unpacked here",
            accepted="a folder",
            remedy=f"unpack it into a new folder (unzip, tar -xf) and name that: {folder.stem}/",
        )


def _refuse(folder: Path, pictures: PictureSet, faults: list[str], shape: str) -> None:
    if faults or not len(pictures):
        raise InputError(
            f"{folder} has {len(faults)} broken pairs: {'; '.join(faults) or 'and no pair at all'}",
            accepted=shape,
            remedy="mend or remove these files",
        )
