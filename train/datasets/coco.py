"""COCO annotations: polygons and run-length masks, checked before any C code sees them.

pycocotools trusts what it is given: a run-length code that does not fill its picture decodes to
whatever lay in memory, and a coordinate that is no number takes all of it. So every annotation is
judged here first.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from losszero_rt.errors import InputError
from train.datasets.image_files import PIXELS_MAX
from train.datasets.json_files import read_json

# The file of the full Motorcycle Night Ride data set takes about 320 MB.
COCO_BYTES_MAX = 1 << 30
# Vertices this many picture sizes away are no slip of the hand at the border.
_OUTSIDE_MAX = 4.0


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """One object of a picture.

    Attributes:
        annotation_id: Its id in the file.
        category: Name of its category.
        crowd: Whether it stands for several objects at once.
        polygons: Float32 vertices (N, 2) in px, x first; empty if it is a run-length mask.
        counts: Lengths of runs in column order, absent and present in turn; None for polygons.
    """

    annotation_id: int
    category: str
    crowd: bool
    polygons: tuple[np.ndarray, ...] = ()
    counts: np.ndarray | None = None

    def mask(self, size: tuple[int, int]) -> np.ndarray:
        """Return where the object is, bool (H, W); what lies outside the picture is cut off."""
        from pycocotools import mask as coco_mask

        if self.counts is not None:
            values = np.arange(len(self.counts)) % 2 == 1
            return np.repeat(values, self.counts).reshape(size, order="F")
        outlines = [polygon.reshape(-1).astype(float).tolist() for polygon in self.polygons]
        joined = coco_mask.merge(coco_mask.frPyObjects(outlines, *size))
        return np.asarray(coco_mask.decode(joined), bool)


@dataclass(frozen=True, kw_only=True)
class CocoPicture:
    """One picture of a COCO file.

    Attributes:
        file_name: As the file says, without folders.
        size: (height, width).
        annotations: Its objects, by rising id.
    """

    file_name: str
    size: tuple[int, int]
    annotations: tuple[Annotation, ...]


def read_coco(path: Path, *, faults: list[str]) -> list[CocoPicture]:
    """Read a COCO file.

    Args:
        path: The JSON file.
        faults: Gains a line for each of these: an id that occurs twice, an annotation of an
            unknown picture or category, an empty segmentation, an outline of fewer than three
            points or far outside, a run-length code that does not fit its picture.

    Raises:
        InputError: If it is no COCO file at all.
    """
    record = read_json(path, bytes_max=COCO_BYTES_MAX, hook=_compact)
    try:
        images, annotations = list(record["images"]), list(record["annotations"])
        if not all(isinstance(row, dict) for row in (*images, *annotations)):
            raise TypeError("images and annotations must be objects")
        categories = {int(row["id"]): str(row["name"]) for row in record["categories"]}
        sizes = {int(row["id"]): _size_of(row) for row in images}
        names = {int(row["id"]): Path(str(row["file_name"])).name for row in images}
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path} is no COCO file: {error!r}",
            accepted="an object with images, annotations and categories",
        ) from error
    _note_repeats([row["id"] for row in images], "image id", faults)
    _note_repeats(names.values(), "file name", faults)
    _note_repeats([row.get("id") for row in annotations], "annotation id", faults)
    by_image: dict[int, list[Annotation]] = {image_id: [] for image_id in sizes}
    for row in annotations:
        try:
            image_id = row.get("image_id")
            if image_id not in sizes:
                raise ValueError(f"is of picture {image_id!r}, which is not there")
            by_image[image_id].append(_annotation(row, categories, sizes[image_id]))
        except (ValueError, TypeError, OverflowError) as error:
            faults.append(f"annotation {row.get('id')} {error}")
    return [
        CocoPicture(
            file_name=names[image_id],
            size=size,
            annotations=tuple(sorted(by_image[image_id], key=lambda each: each.annotation_id)),
        )
        for image_id, size in sizes.items()
    ]


def _compact(row: dict[str, Any]) -> dict[str, Any]:
    """Turn the long lists of numbers into arrays while the file is read: a tenth of the memory."""
    for key in ("segmentation", "counts"):
        value = row.get(key)
        if isinstance(value, list):
            row[key] = _as_arrays(value, np.int64 if key == "counts" else np.float32)
    return row


def _as_arrays(value: list[Any], dtype: type) -> Any:
    try:
        if value and isinstance(value[0], list):
            return [np.array(each, dtype) for each in value]
        return np.array(value, dtype)
    except (TypeError, ValueError, OverflowError):
        return value


def _size_of(row: Mapping[str, Any]) -> tuple[int, int]:
    height, width = int(row["height"]), int(row["width"])
    if min(height, width) < 1 or height * width > PIXELS_MAX:
        raise ValueError(f"a picture of {height}x{width}")
    return height, width


def _note_repeats(values: Iterable[Any], what: str, faults: list[str]) -> None:
    counted = Counter(map(str, values))
    faults += [f"{what} {value} occurs {n} times" for value, n in counted.items() if n > 1]


def _annotation(
    row: Mapping[str, Any], categories: Mapping[int, str], size: tuple[int, int]
) -> Annotation:
    """Return the checked annotation; ValueError says what is wrong with it."""
    category = categories.get(row.get("category_id", -1))
    if category is None:
        raise ValueError(f"is of category {row.get('category_id')!r}, which is not there")
    segmentation = row.get("segmentation")
    counts: np.ndarray | None = None
    polygons: tuple[np.ndarray, ...] = ()
    if isinstance(segmentation, Mapping):
        counts = _checked_counts(segmentation, size)
    else:
        polygons = _checked_polygons(segmentation, size)
    return Annotation(
        annotation_id=int(row.get("id", 0)),
        category=category,
        crowd=bool(row.get("iscrowd", 0)),
        polygons=polygons,
        counts=counts,
    )


def _checked_counts(code: Mapping[str, Any], size: tuple[int, int]) -> np.ndarray:
    if tuple(code.get("size", ())) != size:
        raise ValueError(f"has a mask of {code.get('size')} in a picture of {list(size)}")
    counts = code.get("counts")
    if isinstance(counts, str):
        counts = decode_counts(counts, num_pixels_max=size[0] * size[1])
    if not isinstance(counts, np.ndarray) or counts.ndim != 1 or counts.dtype.kind != "i":
        raise ValueError("has counts that are neither a text nor whole numbers")
    if (counts < 0).any() or (counts > PIXELS_MAX).any() or counts.sum() != size[0] * size[1]:
        raise ValueError(f"has runs of {counts.sum()} pixels for {size[0] * size[1]}")
    if not counts[1::2].any():
        raise ValueError("is empty")
    return counts


def decode_counts(text: str, *, num_pixels_max: int) -> np.ndarray:
    """Return the run lengths of a compressed COCO mask, int64.

    Five bits a character, lowest first, the sixth says that more follow; from the third run on,
    what is written is the difference to the run two before.

    Source: rleFrString in ``common/maskApi.c`` of github.com/cocodataset/cocoapi.

    Raises:
        ValueError: If it is cut off, holds other characters, or more runs than pixels.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        piece = ord(character) - 48
        if not 0 <= piece < 64 or shift > 30:
            raise ValueError("has counts that are no run-length code")
        value |= (piece & 0x1F) << shift
        shift += 5
        if piece & 0x20:
            continue
        if piece & 0x10:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
        if len(counts) > num_pixels_max + 1:
            raise ValueError("has more runs than pixels")
    if shift:
        raise ValueError("has counts that are cut off")
    return np.array(counts, np.int64)


def _checked_polygons(segmentation: Any, size: tuple[int, int]) -> tuple[np.ndarray, ...]:
    if isinstance(segmentation, np.ndarray) and segmentation.size:
        # One outline without the list around it, as some tools write.
        segmentation = [segmentation]
    if segmentation is None or not len(segmentation):
        raise ValueError("is empty")
    limits = np.array([size[1], size[0]]) * _OUTSIDE_MAX
    polygons: list[np.ndarray] = []
    for outline in segmentation:
        if not isinstance(outline, np.ndarray) or outline.ndim != 1 or outline.size % 2:
            raise ValueError("has an outline that is no list of x, y, x, y")
        if outline.size < 6:
            raise ValueError(f"has an outline of {outline.size // 2} points")
        points = outline.reshape(-1, 2)
        if not np.isfinite(points).all() or (np.abs(points) > limits).any():
            raise ValueError("has an outline far outside the picture")
        polygons.append(points)
    joined = np.concatenate(polygons)
    if (joined.max(axis=0) <= 0).any() or (joined.min(axis=0) >= (size[1], size[0])).any():
        raise ValueError("lies outside the picture")
    return tuple(polygons)
