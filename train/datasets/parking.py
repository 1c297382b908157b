"""Parking places seen from a vehicle (AI-Hub), one JSON file an image.

Layout: JSON files anywhere, such as ``SCENE/label/00000034.json``, and images anywhere, such as
``SCENE/Camera/00000034.jpg``. A JSON names its image and its point cloud; blanks in these names do
not matter, and of several files of one name the one is taken that shares most folder names with
the JSON. What lies in one SCENE is one ride.

Driveable space is drawn first, parking spaces over it, each in the order of the file; what nothing
covers is background. A JSON without any polygon was not labelled: it is left out, and noted.
Pictures are reduced to 360x640 (height, width), as the data is usually trained on.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from losszero_rt.classmap import PARKING, ClassMap
from losszero_rt.errors import InputError
from train.datasets.image_files import IMAGE_SUFFIXES, is_inside, read_header, read_pixels, relabel
from train.datasets.layout import Survey
from train.datasets.parking_scene import ParkingScene, Space, read_record, read_scene
from train.datasets.picture import LabelledPicture, make_picture
from train.datasets.picture_set import PictureRecord

NAME = "parking"
SHAPE = "one JSON an image with image, segmentation, bbox2d, bbox3d, calib (SCENE/label/N.json)"
PICTURE_SIZE = (360, 640)
_CLOUD_SUFFIX = ".pcd"
_LABEL_FOLDERS = ("label", "labels", "json", "annotation", "annotations")
# Vertices are given to OpenCV in sixteenths of a pixel.
_SHIFT = 4


def recognises(folder: Path) -> bool:
    """Tell whether one of the first JSON files looks like a scene."""
    for path in islice(folder.rglob("*.json"), 3):
        try:
            record = read_record(path)
        except InputError:
            continue
        if "segmentation" in record:
            return True
    return False


def survey(
    folder: Path, *, classes: ClassMap | None = None, id_map: Mapping[int, int] | None = None
) -> Survey:
    """Find the scenes of a folder; see :func:`train.datasets.open_pictures`."""
    faults: list[str] = []
    known = classes or PARKING
    scenes = read_scenes(folder, faults=faults)
    labelled = {scene.name: scene for scene in scenes if scene.spaces}
    notes = []
    if unlabelled := len(scenes) - len(labelled):
        notes.append(f"{unlabelled} scenes have no polygon and are left out")
    records = []
    for scene in labelled.values():
        try:
            read_header(scene.image)
        except InputError as error:
            faults.append(str(error))
        else:
            records.append(_record(scene, folder))
    read = partial(_read, scenes=labelled, classes=known, id_map=id_map or {})
    return Survey(classes=known, records=records, read=read, faults=faults, notes=notes)


def read_scenes(folder: Path, *, faults: list[str]) -> list[ParkingScene]:
    """Read all scenes of a folder, labelled or not, by name.

    Args:
        folder: The data set.
        faults: Gains a line for every JSON that cannot be used, and every image without one.
    """
    files = _Files(folder, faults)
    scenes: dict[Path, ParkingScene] = {}
    broken: set[str] = set()
    for path in sorted(folder.rglob("*.json")):
        try:
            if not is_inside(path, root=folder):
                raise InputError(f"{path} is a link that leaves {folder}")
            scene = _scene(path, files)
            if scene.image in scenes:
                other = scenes[scene.image].path.name
                raise InputError(f"{path.name} and {other} are both of {scene.image.name}")
        except InputError as error:
            faults.append(str(error))
            broken.add(path.stem)
        else:
            scenes[scene.image] = scene
    alone = [path for path in files.images if path not in scenes and path.stem not in broken]
    faults += [f"{path.relative_to(folder)} has no JSON" for path in alone]
    return sorted(scenes.values(), key=lambda scene: scene.name)


def draw(spaces: Iterable[Space], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Draw polygons over one another, driveable space first.

    Returns:
        uint8 labels (H, W) and int32 objects (H, W), 0 where there is none.
    """
    labels_HW, instances_HW = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    for number, space in enumerate(sorted(spaces, key=lambda space: space.class_id), start=1):
        points = np.round(space.polygon * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(labels_HW, [points], space.class_id, shift=_SHIFT)
        cv2.fillPoly(instances_HW, [points], number, shift=_SHIFT)
    return labels_HW, instances_HW


class _Files:
    """The images and point clouds of a folder, found by names without their blanks."""

    def __init__(self, folder: Path, faults: list[str]) -> None:
        self.folder = folder
        self.images: list[Path] = []
        self._by_name: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*")):
            is_image = path.suffix.lower() in IMAGE_SUFFIXES
            if not is_image and path.suffix.lower() != _CLOUD_SUFFIX:
                continue
            if not is_inside(path, root=folder):
                faults.append(f"{path} is a link that leaves {folder}")
                continue
            if is_image:
                self.images.append(path)
            self._by_name.setdefault(_squeezed(path.name), []).append(path)

    def find(self, stated: str, *, beside: Path) -> Path | None:
        """Return the file that a JSON means; InputError if several could be meant."""
        name = stated.replace("\\", "/").rsplit("/", 1)[-1]
        found = self._by_name.get(_squeezed(name), [])
        near = set(beside.relative_to(self.folder).parts[:-1])
        shared = [len(near & set(path.relative_to(self.folder).parts[:-1])) for path in found]
        best = [path for path, n in zip(found, shared, strict=True) if n == max(shared)]
        if len(best) > 1:
            raise InputError(f"{beside.name}: {stated!r} is {len(best)} files: {_listed(best)}")
        return best[0] if best else None


def _scene(path: Path, files: _Files) -> ParkingScene:
    record = read_record(path)
    # Collections that were renamed as a whole keep the old name inside the file only.
    image = files.find(record["image"], beside=path)
    for suffix in IMAGE_SUFFIXES if image is None else ():
        image = image or files.find(path.stem + suffix, beside=path)
    if image is None:
        raise InputError(f"{path.name}: image {record['image']!r} is not there")
    cloud = files.find(str(record.get("point_cloud") or ""), beside=path)
    name = image.relative_to(files.folder).as_posix()
    return read_scene(record, name=name, path=path, image=image, point_cloud=cloud)


def _record(scene: ParkingScene, folder: Path) -> PictureRecord:
    parts = scene.path.relative_to(folder).parts[:-1]
    if parts and parts[-1].lower() in _LABEL_FOLDERS:
        parts = parts[:-1]
    return PictureRecord(
        name=scene.name, image=scene.image, label_files=(scene.path,), ride="/".join(parts)
    )


def _read(
    record: PictureRecord,
    *,
    scenes: Mapping[str, ParkingScene],
    classes: ClassMap,
    id_map: Mapping[int, int],
) -> LabelledPicture:
    pixels_HWC = read_pixels(record.image)
    height, width = pixels_HWC.shape[:2]
    labels_HW, instances_HW = draw(scenes[record.name].spaces, (height, width))
    return make_picture(
        record.name,
        pixels_HWC=pixels_HWC,
        labels_HW=relabel(labels_HW, name=record.name, classes=classes, id_map=id_map),
        classes=classes,
        ride=record.ride,
        instances_HW=instances_HW,
        size=PICTURE_SIZE,
    )


def _squeezed(name: str) -> str:
    return "".join(name.split()).lower()


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(str(path) for path in paths)
