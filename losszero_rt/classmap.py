"""The classes: ids, names, colours and the ignored id."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from losszero_rt.errors import UsageError

IGNORED_ID = 255
PaletteName = Literal["safe", "classic"]
Rgb = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class ClassMap:
    """Ids, names and colours of the classes a network tells apart.

    Attributes:
        names: Class names; the position is the class id (0 .. num_classes-1).
        colours: RGB colours, 0..255, one a class.
        background_id: The class that is left without colour in an overlay.
        ignored_id: Label value that no metric counts.
    """

    names: tuple[str, ...]
    colours: tuple[Rgb, ...]
    background_id: int = 0
    ignored_id: int = IGNORED_ID

    def __post_init__(self) -> None:
        if len(self.names) != len(self.colours) or not self.names:
            raise UsageError(
                f"class map with {len(self.names)} names and {len(self.colours)} colours",
                accepted="one colour for every class, and at least one class",
            )
        if len(set(self.names)) != len(self.names):
            raise UsageError(
                f"class map with repeated names: {', '.join(map(str, self.names))}",
                accepted="a name of its own for every class",
                remedy="rename them, or merge them into one class",
            )
        ids = (self.background_id, self.ignored_id)
        strange = [
            *(("name", name) for name in self.names if not isinstance(name, str) or not name),
            *(("colour", colour) for colour in self.colours if not _is_rgb(colour)),
            *(("id", class_id) for class_id in ids if not _is_byte(class_id)),
        ]
        if strange:
            field, value = strange[0]
            raise UsageError(
                f"class map with the {field} {value!r:.80}",
                accepted="names, colours of three whole numbers 0 to 255, and ids 0 to 255",
                remedy=f"give another {field}",
            )

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.names)

    def id_of(self, name: str) -> int:
        """Return the id of a class name; case, spaces, ``-`` and ``_`` do not matter."""
        wanted = _plain(name)
        for class_id, known in enumerate(self.names):
            if _plain(known) == wanted:
                return class_id
        near = difflib.get_close_matches(name.lower(), self.names, n=1)
        raise UsageError(
            f"unknown class {name!r}",
            accepted=f"classes: {', '.join(self.names)}",
            remedy=f"did you mean {near[0]!r}?" if near else "name one of these",
        )

    def ids_of(self, names: Iterable[str]) -> tuple[int, ...]:
        """Return the sorted ids of several class names."""
        return tuple(sorted({self.id_of(name) for name in names}))

    def with_palette(self, palette: PaletteName) -> "ClassMap":
        """Return the same classes in the colours of a named palette."""
        if self.names != NIGHT_RIDE.names:
            return self
        return ClassMap(names=self.names, colours=PALETTES[palette])

    def colour_table(self) -> np.ndarray:
        """Return the colours as uint8 (256, 3) RGB, ids without a class black."""
        table = np.zeros((256, 3), np.uint8)
        table[: self.num_classes] = self.colours
        return table


def _is_byte(value: object) -> bool:
    return type(value) is int and 0 <= value <= 255


def _is_rgb(colour: object) -> bool:
    return isinstance(colour, tuple) and len(colour) == 3 and all(map(_is_byte, colour))


def _plain(name: str) -> str:
    return name.lower().replace(" ", "").replace("-", "").replace("_", "")


# "safe" starts from the hues of Okabe and Ito, "Color Universal Design" (2008), with lightness
# spread so that every two classes stay apart under each kind of colour blindness (see the tests).
# "classic" is the palette of the Motorcycle Night Ride data set.
PALETTES: dict[PaletteName, tuple[Rgb, ...]] = {
    "safe": (
        (0, 0, 0),
        (20, 130, 80),
        (250, 235, 60),
        (115, 210, 250),
        (180, 85, 150),
        (235, 115, 20),
    ),
    "classic": (
        (245, 166, 35),
        (155, 155, 155),
        (248, 231, 28),
        (74, 144, 226),
        (65, 117, 6),
        (57, 234, 92),
    ),
}

NIGHT_RIDE = ClassMap(
    names=("undrivable", "road", "lane mark", "my bike", "rider", "moveable"),
    colours=PALETTES["safe"],
)

PARKING = ClassMap(
    names=("background", "driveable space", "parking space"),
    colours=((0, 0, 0), (20, 130, 80), (250, 235, 60)),
)
# Colours of the data set (Brostow et al., "Semantic object classes in video", 2009), after its 32
# classes were merged to the 11 of SegNet (Badrinarayanan et al., 2015).
CAMVID = ClassMap(
    names=(
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    ),
    colours=(
        (128, 128, 128),
        (128, 0, 0),
        (192, 192, 128),
        (128, 64, 128),
        (0, 0, 192),
        (128, 128, 0),
        (192, 128, 128),
        (64, 64, 128),
        (64, 0, 128),
        (64, 64, 0),
        (0, 128, 192),
    ),
)
# The 19 classes and colours of Cordts et al., "The Cityscapes Dataset", 2016; ids are "train ids".
CITYSCAPES = ClassMap(
    names=(
        "road",
        "sidewalk",
        "building",
        "wall",
        "fence",
        "pole",
        "traffic light",
        "traffic sign",
        "vegetation",
        "terrain",
        "sky",
        "person",
        "rider",
        "car",
        "truck",
        "bus",
        "train",
        "motorcycle",
        "bicycle",
    ),
    colours=(
        (128, 64, 128),
        (244, 35, 232),
        (70, 70, 70),
        (102, 102, 156),
        (190, 153, 153),
        (153, 153, 153),
        (250, 170, 30),
        (220, 220, 0),
        (107, 142, 35),
        (152, 251, 152),
        (70, 130, 180),
        (220, 20, 60),
        (255, 0, 0),
        (0, 0, 142),
        (0, 0, 70),
        (0, 60, 100),
        (0, 80, 100),
        (0, 0, 230),
        (119, 11, 32),
    ),
)
