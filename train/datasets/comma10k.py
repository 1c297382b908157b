"""comma10k: driving pictures whose masks are colours, or ids that were made of them.

Layout: ``imgs/NAME.png`` and ``masks/NAME.png`` as published (``imgs2`` and ``masks2``, of the wide
camera, likewise), or ``images/`` and ``masks/`` where every name is one of comma10k. Masks of one
channel hold ids of a night ride. The drive, which is part of the name, is the ride.

The own car has the id of "my bike" in these masks. A bonnet is no bike: unless ``id_map`` says
otherwise it becomes undrivable, which teaches a network not to see the rider's machine in a car's
clip.
"""

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from losszero_rt.classmap import NIGHT_RIDE, ClassMap, Rgb
from train.datasets.id_masks import MANIFEST_NAME
from train.datasets.image_files import IMAGE_SUFFIXES, list_files
from train.datasets.layout import Survey, pair_up
from train.datasets.masked import read_masked
from train.datasets.picture_set import PictureRecord

NAME = "comma10k"
SHAPE = "imgs/NAME.png and masks/NAME.png in the colours of comma10k"
OWN_CAR_ID_MAP = {NIGHT_RIDE.id_of("my bike"): NIGHT_RIDE.id_of("undrivable")}
COLOURS: dict[Rgb, int] = {
    (0x80, 0x80, 0x60): NIGHT_RIDE.id_of("undrivable"),
    (0x40, 0x20, 0x20): NIGHT_RIDE.id_of("road"),
    (0xFF, 0x00, 0x00): NIGHT_RIDE.id_of("lane mark"),
    (0xCC, 0x00, 0xFF): NIGHT_RIDE.id_of("my bike"),
    (0x00, 0xFF, 0x66): NIGHT_RIDE.id_of("moveable"),
}
_FOLDERS = (("imgs", "masks"), ("imgs2", "masks2"), ("images", "masks"))
# Number, device, date and time of the drive, then the place in the drive.
_NAME_SHAPE = re.compile(r"^\d{4}_(?P<ride>[0-9a-f]{16}_\d{4}-\d\d-\d\d--\d\d-\d\d-\d\d)_")


def recognises(folder: Path) -> bool:
    """Tell whether the folders have the published names, or all images those of comma10k."""
    if (folder / "imgs").is_dir():
        return True
    if (folder / MANIFEST_NAME).exists():
        # Written from here, so the own car was mapped already.
        return False
    images = list((folder / "images").glob("*.png"))
    return bool(images) and all(_NAME_SHAPE.match(path.name) for path in images)


def survey(
    folder: Path, *, classes: ClassMap | None = None, id_map: Mapping[int, int] | None = None
) -> Survey:
    """Find the pairs of a folder; see :func:`train.datasets.open_pictures`."""
    faults: list[str] = []
    known = classes or NIGHT_RIDE
    records = [
        PictureRecord(
            name=image.name if where != "imgs2" else f"{where}/{image.name}",
            image=image,
            label_files=(mask,),
            ride=shape["ride"] if (shape := _NAME_SHAPE.match(image.name)) else "",
        )
        for where, masks in _FOLDERS
        if (folder / where).is_dir()
        for _, image, mask in pair_up(
            list_files(folder / where, suffixes=IMAGE_SUFFIXES, root=folder, faults=faults),
            list_files(folder / masks, suffixes=IMAGE_SUFFIXES, root=folder, faults=faults),
            faults=faults,
        )
    ]
    id_map = OWN_CAR_ID_MAP if id_map is None else id_map
    read = partial(read_masked, colours=COLOURS, classes=known, id_map=id_map)
    return Survey(classes=known, records=records, read=read, faults=faults)
