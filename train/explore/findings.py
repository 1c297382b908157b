"""What an exploration finds: the value types behind explore.json, the plots and the page.

The field names of these types are the keys of explore.json, so that renaming one is a change of
its format.
"""

from dataclasses import asdict, dataclass
from typing import Any

FORMAT = 1
# Neighbouring frames of a film are all alike, and their pairs grow with the square of its length.
TWINS_MAX = 200
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class AreaFigures:
    """Sizes of the objects of one class, in pixels of the pictures as they are read.

    Attributes:
        count: Number of objects.
        smallest: Area of the smallest.
        p10: Area that a tenth of them stay below.
        median: Area that half of them stay below.
        p90: Area that nine tenths stay below.
        largest: Area of the largest.
    """

    count: int
    smallest: float
    p10: float
    median: float
    p90: float
    largest: float


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """What was counted of one class over all pictures.

    Attributes:
        class_id: Its id.
        name: Its name.
        colour: Its RGB colour, 0..255.
        num_pixels: Pixels that carry it.
        pixel_share: Of all labelled pixels, 0..1; None where no pixel is labelled.
        num_pictures: Pictures that show it.
        objects: Sizes of its objects; None for the background and where there is none.
        places: Mean share of each cell of a fixed grid, top row first, 0..1.
    """

    class_id: int
    name: str
    colour: tuple[int, int, int]
    num_pixels: int
    pixel_share: float | None
    num_pictures: int
    objects: AreaFigures | None
    places: Rows


@dataclass(frozen=True, kw_only=True)
class PartFigures:
    """What was counted in one part of the split.

    Attributes:
        name: ``train``, ``val`` and so on; empty where the data has no split.
        num_pictures: Pictures in it.
        num_pixels: Pixels of each class.
        num_pictures_with: Pictures that show each class.
        absent: Names of the classes that no picture of this part shows.
    """

    name: str
    num_pictures: int
    num_pixels: tuple[int, ...]
    num_pictures_with: tuple[int, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PictureFigures:
    """One picture.

    Attributes:
        name: Its name.
        part: Its part of the split; empty for none.
        ride: The ride it was taken from; empty where unknown.
        size: (height, width) in pixels, as read.
        mean_luma: 0..255, BT.601.
        is_night: Whether its reader counts it as night.
        unlabelled_share: Share of its pixels without a class, 0..1.
    """

    name: str
    part: str
    ride: str
    size: tuple[int, int]
    mean_luma: float
    is_night: bool
    unlabelled_share: float


@dataclass(frozen=True, kw_only=True)
class LeakFigures:
    """Pictures that belong together: of one ride in several parts, or nearly alike.

    Attributes:
        names: The pictures.
        parts: The parts of the split that they lie in; several make scores too good.
        reason: The ride, or how much alike they are.
    """

    names: tuple[str, ...]
    parts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, kw_only=True)
class SceneFigures:
    """What a data set of parking scenes holds beside its labels.

    Attributes:
        num_scenes: Scenes read.
        num_polygons: Polygons by name.
        num_boxes2d: Flat boxes by name.
        num_boxes3d: Upright boxes in space by name.
        num_clouds: Scenes with a point cloud.
        num_drawn: Scenes drawn, evenly spaced over all.
        num_points: LiDAR points of the drawn scenes.
        num_points_seen: Those of them that fall into their picture.
        rotation: How the three numbers of the calibration were read.
        faults: What could not be read.
    """

    num_scenes: int
    num_polygons: dict[str, int]
    num_boxes2d: dict[str, int]
    num_boxes3d: dict[str, int]
    num_clouds: int
    num_drawn: int
    num_points: int
    num_points_seen: int
    rotation: str
    faults: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything an exploration found.

    Attributes:
        data: Name of the data set.
        classes: One entry a class, by id.
        parts: One entry a part of the split.
        pictures: One entry a picture, in the order read.
        together: Number of pictures that show class i and class j.
        unlabelled_pixels: Pixels without a class.
        broken: Pairs that could not be read, with the reason.
        leaks: What lies in more than one part of the split.
        twins: Near-duplicates within one part, the most alike first, at most :data:`TWINS_MAX`.
        num_twins: All near-duplicates within one part.
        notes: What a reader should know that is no fault.
        verified: How far two label sources disagree, empty if nowhere; None if not asked.
        scenes: Parking scenes; None for other data.
    """

    data: str
    classes: tuple[ClassFigures, ...]
    parts: tuple[PartFigures, ...]
    pictures: tuple[PictureFigures, ...]
    together: tuple[tuple[int, ...], ...]
    unlabelled_pixels: int
    broken: tuple[str, ...]
    leaks: tuple[LeakFigures, ...] = ()
    twins: tuple[LeakFigures, ...] = ()
    num_twins: int = 0
    notes: tuple[str, ...] = ()
    verified: tuple[str, ...] | None = None
    scenes: SceneFigures | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the content of explore.json."""
        return {"format": FORMAT, **asdict(self)}
