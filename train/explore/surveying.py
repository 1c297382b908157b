"""One pass over a data set: every figure, and the tiles to look at, in bounded memory."""

from collections.abc import Iterable, Mapping

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError
from train.datasets.picture import LabelledPicture
from train.datasets.picture_set import PictureSet
from train.explore.counting import ClassCounts, ClassPlaces, ObjectSizes, picture_figures
from train.explore.findings import ClassFigures, Findings, PartFigures, PictureFigures
from train.explore.sampling import spaced
from train.explore.tiles import draw_tile

TILES_MAX = 24


def survey(
    pictures: PictureSet, *, parts: Mapping[str, str], broken: Iterable[str] = ()
) -> tuple[Findings, list[tuple[str, np.ndarray]]]:
    """Look at every picture once.

    Args:
        pictures: The data set; a picture that turns out broken is noted and passed over.
        parts: The part of the split that each picture name lies in; a name may be missing.
        broken: Pairs already known to be broken.

    Returns:
        What was found, and up to :data:`TILES_MAX` tiles by name, evenly spaced over the set.
    """
    keeper = _Keeper(pictures.classes)
    faults = list(broken)
    tiles: list[tuple[str, np.ndarray]] = []
    wanted = set(spaced(len(pictures), TILES_MAX))
    for index in range(len(pictures)):
        try:
            picture = pictures[index]
        except InputError as error:
            faults.append(str(error))
            continue
        keeper.add(picture, parts.get(picture.name, ""))
        if index in wanted:
            tiles.append((picture.name, draw_tile(picture, classes=pictures.classes)))
    return keeper.findings(pictures.name, faults), tiles


class _Keeper:
    """All the figures that grow with every picture."""

    def __init__(self, classes: ClassMap) -> None:
        self._classes = classes
        self._all = ClassCounts(classes)
        self._parts: dict[str, ClassCounts] = {}
        self._sizes = ObjectSizes(classes)
        self._places = ClassPlaces(classes)
        self._pictures: list[PictureFigures] = []

    def add(self, picture: LabelledPicture, part: str) -> None:
        labels_HW = picture.labels_HW
        self._all.add(labels_HW)
        self._parts.setdefault(part, ClassCounts(self._classes)).add(labels_HW)
        self._sizes.add(picture)
        self._places.add(labels_HW)
        self._pictures.append(picture_figures(picture, part=part, classes=self._classes))

    def findings(self, name: str, broken: list[str]) -> Findings:
        return Findings(
            data=name,
            classes=tuple(map(self._class, range(self._classes.num_classes))),
            parts=tuple(_part(part, counts) for part, counts in sorted(self._parts.items())),
            pictures=tuple(self._pictures),
            together=tuple(tuple(row) for row in self._all.together_CC.tolist()),
            unlabelled_pixels=self._all.unlabelled,
            broken=tuple(broken),
        )

    def _class(self, class_id: int) -> ClassFigures:
        pixels = int(self._all.pixels_C[class_id])
        labelled = int(self._all.pixels_C.sum())
        return ClassFigures(
            class_id=class_id,
            name=self._classes.names[class_id],
            colour=self._classes.colours[class_id],
            num_pixels=pixels,
            pixel_share=pixels / labelled if labelled else None,
            num_pictures=int(self._all.num_pictures_with[class_id]),
            objects=self._sizes.figures(class_id),
            places=self._places.figures(class_id),
        )


def _part(name: str, counts: ClassCounts) -> PartFigures:
    return PartFigures(
        name=name,
        num_pictures=counts.num_pictures,
        num_pixels=tuple(counts.pixels_C.tolist()),
        num_pictures_with=tuple(counts.num_pictures_with.tolist()),
        absent=counts.absent,
    )
