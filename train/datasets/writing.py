"""Writing any data set as the internal and export format: 8-bit id PNGs with a manifest."""

import json
from pathlib import Path

import cv2
import numpy as np

from losszero_rt.errors import OutputError
from train.datasets.id_masks import CLASSES_NAME, MANIFEST_NAME
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import PictureSet
from train.datasets.splits import Split


def write_pictures(pictures: PictureSet, folder: Path, *, split: Split | None = None) -> None:
    """Write ``images/``, ``masks/``, ``manifest.json`` and ``classes.json``.

    Images become PNGs, so no second compression harms them. Objects are not written. Names of
    files are those of the pictures, with folders joined by ``__``.

    Args:
        pictures: The data set, read one by one.
        folder: Made anew; OutputError if there is anything in it.
        split: Parts to write to the manifest, instead of those of the data set itself.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is there already", remedy="name a new folder")
    part_of = {
        name: part for part, names in (split.parts if split else {}).items() for name in names
    }
    files = [_file_name(name) for name in pictures.names]
    if len(set(files)) != len(files):
        raise OutputError(f"{pictures.name} has names that would overwrite one another")
    rows = []
    for file, record, picture in zip(files, pictures.records, pictures, strict=True):
        _write_pair(picture, folder, file)
        row = {"file": file, "split": part_of.get(record.name, record.split)}
        if record.ride:
            row["group"] = record.ride
        rows.append(row)
    named = {
        "names": list(pictures.classes.names),
        "colours": [list(colour) for colour in pictures.classes.colours],
        "background_id": pictures.classes.background_id,
    }
    _write_json(folder / CLASSES_NAME, named)
    # Written last: a folder with a manifest is complete.
    _write_json(folder / MANIFEST_NAME, rows)


def _file_name(name: str) -> str:
    stem = name.rsplit(".", 1)[0] if "." in name.rsplit("/", 1)[-1] else name
    return stem.replace("/", "__") + ".png"


def _write_pair(picture: LabelledPicture, folder: Path, file: str) -> None:
    pixels_BGR = cv2.cvtColor(picture.pixels_HWC, cv2.COLOR_RGB2BGR)
    for where, pixels in (("images", pixels_BGR), ("masks", picture.labels_HW)):
        path = folder / where / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_as_png(pixels))


def _as_png(pixels: np.ndarray) -> bytes:
    encoded, content = cv2.imencode(".png", pixels)
    assert encoded
    return content.tobytes()


def _write_json(path: Path, record: object) -> None:
    path.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
