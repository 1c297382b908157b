"""One scene of the AI-Hub parking data: what its JSON says, checked and typed.

An example of the file, shortened::

    {"image": "Camera/ 00000034 .jpg", "point_cloud": "00000034.pcd", "meta": {"time": "Day"},
     "calib": {"intrinsic": [[1398, 0, 960], [0, 1398, 540], [0, 0, 1]],
               "rotation": [1.2, -1.2, 1.2], "translation": [0.1, 1.3, 1.4]},
     "segmentation": [{"name": "Driveable Space", "polygon": [[0, 9], [9, 9], [9, 0]]}],
     "bbox2d": [{"name": "Car", "occluded": 0, "bbox": [1, 2, 30, 40]}],
     "bbox3d": [{"name": "Car", "dimensions": [4.9, 1.9, 1.7], "location": [5.1, 3.3, 0.9],
                 "rotation_z": -1.69}]}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from losszero_rt.errors import InputError
from train.datasets.json_files import read_json

# Both spellings occur in the data.
SPACE_NAMES = {"driveablespace": 1, "drivablespace": 1, "parkingspace": 2}
# No coordinate of a polygon is further away than this, whatever the camera, px.
_COORDINATE_MAX = 1e5


@dataclass(frozen=True, kw_only=True)
class Space:
    """One polygon.

    Attributes:
        class_id: 1 driveable space, 2 parking space.
        polygon: float64 (N, 2), x first, px of the image as stored.
        size: The data's own word for the size of a parking space; empty if absent.
        pattern: The data's own word for how it is marked; empty if absent.
    """

    class_id: int
    polygon: np.ndarray
    size: str
    pattern: str


@dataclass(frozen=True, kw_only=True)
class Box2d:
    """A flat box.

    Attributes:
        name: Car, Cycle, Pedestrian or another.
        occluded: The data's own word or number.
        xyxy: float64 (4,), left, top, right, bottom in px of the image as stored.
    """

    name: str
    occluded: str
    xyxy: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Box3d:
    """An upright box in the frame of the LiDAR, metres.

    Attributes:
        name: Car, Cycle, Pedestrian or another.
        location: float64 (3,), its middle.
        dimensions: float64 (3,), length, width, height.
        rotation_z: Its turn about the upright axis, radians.
    """

    name: str
    location: np.ndarray
    dimensions: np.ndarray
    rotation_z: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How the LiDAR lies to the camera.

    Attributes:
        intrinsic: float64 (3, 3), px.
        rotation: float64 (3,), radians.
        translation: float64 (3,), metres.
    """

    intrinsic: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray


@dataclass(frozen=True, kw_only=True)
class ParkingScene:
    """What one JSON file says.

    Attributes:
        name: Of the picture in its data set.
        path: The JSON file.
        image: The image file.
        point_cloud: The .pcd file; None if it is not there.
        spaces: Polygons in the order of the file.
        boxes2d: Flat boxes.
        boxes3d: Boxes in space.
        calibration: None if the file has none.
        meta: Time, place, weather and so on, as text.
    """

    name: str
    path: Path
    image: Path
    point_cloud: Path | None
    spaces: tuple[Space, ...]
    boxes2d: tuple[Box2d, ...]
    boxes3d: tuple[Box3d, ...]
    calibration: Calibration | None
    meta: Mapping[str, str]


def read_record(path: Path) -> dict[str, Any]:
    """Return the JSON object of a scene."""
    record = read_json(path)
    if not isinstance(record, dict) or not isinstance(record.get("image"), str):
        raise InputError(f"{path.name} names no image")
    return record


def read_scene(
    record: Mapping[str, Any], *, name: str, path: Path, image: Path, point_cloud: Path | None
) -> ParkingScene:
    """Return the typed scene.

    Args:
        record: What the JSON holds, as :func:`read_record` returns it.
        name: Of the picture in its data set.
        path: The JSON file.
        image: The image file that was found for it.
        point_cloud: The point cloud that was found for it.

    Raises:
        InputError: If anything in it is broken; the message says where.
    """
    try:
        return ParkingScene(
            name=name,
            path=path,
            image=image,
            point_cloud=point_cloud,
            spaces=tuple(_space(row) for row in record.get("segmentation") or ()),
            boxes2d=tuple(_box2d(row) for row in record.get("bbox2d") or ()),
            boxes3d=tuple(_box3d(row) for row in record.get("bbox3d") or ()),
            calibration=_calibration(record.get("calib")),
            meta={str(key): str(value) for key, value in (record.get("meta") or {}).items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path.name}: {type(error).__name__}: {error}") from error


def _space(row: Mapping[str, Any]) -> Space:
    class_id = SPACE_NAMES.get(str(row["name"]).replace(" ", "").lower())
    if class_id is None:
        raise ValueError(f"segmentation of {row['name']!r}, which is no class")
    polygon = np.array(row["polygon"], np.float64)
    if polygon.ndim != 2 or polygon.shape[1:] != (2,) or len(polygon) < 3:
        raise ValueError(f"polygon of the shape {polygon.shape}, not 3 points or more")
    if not (np.abs(polygon) < _COORDINATE_MAX).all():
        raise ValueError("polygon far outside the picture")
    return Space(
        class_id=class_id,
        polygon=polygon,
        size=str(row.get("size", "")),
        pattern=str(row.get("pattern", "")),
    )


def _box2d(row: Mapping[str, Any]) -> Box2d:
    return Box2d(
        name=str(row["name"]),
        occluded=str(row.get("occluded", "")),
        xyxy=_numbers(row["bbox"], (4,), "bbox2d"),
    )


def _box3d(row: Mapping[str, Any]) -> Box3d:
    return Box3d(
        name=str(row["name"]),
        location=_numbers(row["location"], (3,), "location of a bbox3d"),
        dimensions=_numbers(row["dimensions"], (3,), "dimensions of a bbox3d"),
        rotation_z=float(_numbers(row.get("rotation_z", 0.0), (), "rotation_z of a bbox3d")),
    )


def _calibration(calib: Mapping[str, Any] | None) -> Calibration | None:
    if not calib:
        return None
    return Calibration(
        intrinsic=_numbers(calib["intrinsic"], (3, 3), "intrinsic"),
        rotation=_numbers(calib["rotation"], (3,), "rotation"),
        translation=_numbers(calib["translation"], (3,), "translation"),
    )


def _numbers(value: Any, shape: tuple[int, ...], what: str) -> np.ndarray:
    numbers = np.array(value, np.float64)
    if numbers.shape != shape or not np.isfinite(numbers).all():
        raise ValueError(f"{what} is not {shape} finite numbers")
    return numbers
