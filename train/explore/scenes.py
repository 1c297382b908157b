"""Parking scenes with everything that is known of them drawn on the picture.

Shape letters: H, W height and width; C colour channels (RGB); N points.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import InputError, clean_text
from train.datasets.image_files import read_pixels
from train.datasets.parking_scene import Calibration, ParkingScene
from train.explore.findings import SceneFigures
from train.explore.pcd import read_pcd
from train.explore.projection import (
    BOX_EDGES,
    Camera,
    RotationKind,
    box_corners,
    rotation_matrix,
)
from train.explore.sampling import spaced

SCENES_MAX = 12
_WIDTH_MAX_PX = 1280
_FILL_STRENGTH = 0.4
_BOX2D_RGB = (255, 215, 60)
_BOX3D_RGB = (60, 225, 255)
# Depths that get colours of their own, metres, on a logarithmic scale: red near, blue far.
_DEPTHS_M = (2.0, 60.0)
# Lines may end outside the picture, but not where OpenCV's fixed-point numbers end.
_FAR_PX = 1e6


@dataclass(frozen=True, kw_only=True)
class DrawnScene:
    """One scene, drawn.

    Attributes:
        pixels_HWC: uint8 RGB, at most 1280 px wide.
        num_points: Points of its cloud.
        num_points_seen: Those of them inside the picture.
        faults: What could not be drawn, and why.
    """

    pixels_HWC: np.ndarray
    num_points: int
    num_points_seen: int
    faults: tuple[str, ...]


def draw_scenes(
    scenes: Sequence[ParkingScene], *, classes: ClassMap, rotation: RotationKind
) -> tuple[SceneFigures, list[tuple[str, np.ndarray]]]:
    """Count what all scenes hold, and draw up to :data:`SCENES_MAX` of them.

    Args:
        scenes: All scenes of the data set.
        classes: Names and colours of the polygons.
        rotation: How to read the three numbers of each calibration.

    Returns:
        The figures, and the drawn scenes, uint8 RGB by name.
    """
    drawn: list[tuple[str, np.ndarray]] = []
    faults: list[str] = []
    num_points = num_seen = 0
    for index in spaced(len(scenes), SCENES_MAX):
        scene = scenes[index]
        try:
            result = draw_scene(scene, classes=classes, rotation=rotation)
        except InputError as error:
            faults.append(f"{scene.name}: {error}")
            continue
        drawn.append((scene.name, result.pixels_HWC))
        faults += [f"{scene.name}: {fault}" for fault in result.faults]
        num_points += result.num_points
        num_seen += result.num_points_seen
    return SceneFigures(
        num_scenes=len(scenes),
        num_polygons=_counts(classes.names[s.class_id] for scene in scenes for s in scene.spaces),
        num_boxes2d=_counts(box.name for scene in scenes for box in scene.boxes2d),
        num_boxes3d=_counts(box.name for scene in scenes for box in scene.boxes3d),
        num_clouds=sum(scene.point_cloud is not None for scene in scenes),
        num_drawn=len(drawn),
        num_points=num_points,
        num_points_seen=num_seen,
        rotation=rotation,
        faults=tuple(faults),
    ), drawn


def draw_scene(scene: ParkingScene, *, classes: ClassMap, rotation: RotationKind) -> DrawnScene:
    """Draw polygons, flat boxes, boxes in space and LiDAR points on the picture of a scene.

    Args:
        scene: What to draw.
        classes: Colours of the polygons.
        rotation: How to read the three numbers of its calibration.

    Raises:
        InputError: If its image cannot be read.
    """
    pixels_HWC = read_pixels(scene.image)
    height, width = pixels_HWC.shape[:2]
    scale = min(1.0, _WIDTH_MAX_PX / width)
    size_wh = (round(width * scale), max(1, round(height * scale)))
    canvas_HWC = cv2.resize(pixels_HWC, size_wh, interpolation=cv2.INTER_AREA)
    canvas_HWC = _fill_spaces(canvas_HWC, scene, classes, scale)
    faults: list[str] = []
    num_points = num_seen = 0
    try:
        camera = make_camera(scene.calibration, rotation=rotation)
        points_N3 = np.zeros((0, 3)) if scene.point_cloud is None else read_pcd(scene.point_cloud)
        pixels_N2, depths_N = camera.project(points_N3, size=(height, width))
        _dot_points(canvas_HWC, pixels_N2 * scale, depths_N)
        num_points, num_seen = len(points_N3), len(pixels_N2)
        _line_boxes(canvas_HWC, scene, camera, scale)
    except InputError as error:
        faults.append(str(error))
    for box in scene.boxes2d:
        left, top, right, bottom = _whole(box.xyxy * scale)
        cv2.rectangle(canvas_HWC, (left, top), (right, bottom), _BOX2D_RGB, 2)
        _write(canvas_HWC, box.name, (left, top - 4), _BOX2D_RGB)
    return DrawnScene(
        pixels_HWC=canvas_HWC,
        num_points=num_points,
        num_points_seen=num_seen,
        faults=tuple(faults),
    )


def make_camera(calibration: Calibration | None, *, rotation: RotationKind) -> Camera:
    """Return the camera of a scene; InputError if the scene has no calibration."""
    if calibration is None:
        raise InputError("no calibration, so nothing of the LiDAR can be drawn")
    return Camera(
        intrinsic_33=calibration.intrinsic,
        rotation_33=rotation_matrix(calibration.rotation, kind=rotation),
        translation_3=calibration.translation,
    )


def _fill_spaces(
    canvas_HWC: np.ndarray, scene: ParkingScene, classes: ClassMap, scale: float
) -> np.ndarray:
    filled_HWC = canvas_HWC.copy()
    spaces = sorted(scene.spaces, key=lambda space: space.class_id)
    for space in spaces:
        cv2.fillPoly(filled_HWC, [_whole(space.polygon * scale)], classes.colours[space.class_id])
    blend_HWC = cv2.addWeighted(canvas_HWC, 1 - _FILL_STRENGTH, filled_HWC, _FILL_STRENGTH, 0)
    for space in spaces:
        outline = [_whole(space.polygon * scale)]
        cv2.polylines(blend_HWC, outline, True, classes.colours[space.class_id], 2)
    return blend_HWC


def _dot_points(canvas_HWC: np.ndarray, pixels_N2: np.ndarray, depths_N: np.ndarray) -> None:
    near, far = np.log(_DEPTHS_M)
    share_N = np.clip((np.log(depths_N) - near) / (far - near), 0, 1)
    levels_N1 = (255 * (1 - share_N)).astype(np.uint8)[:, None]
    if not len(levels_N1):
        return
    colours_N3 = cv2.applyColorMap(levels_N1, cv2.COLORMAP_TURBO)[:, 0, ::-1]
    # Far points first, so that near ones cover them; each two pixels wide.
    order = np.argsort(-depths_N)
    height, width = canvas_HWC.shape[:2]
    for shift_x, shift_y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        columns = np.minimum(pixels_N2[order, 0].astype(np.int64) + shift_x, width - 1)
        rows = np.minimum(pixels_N2[order, 1].astype(np.int64) + shift_y, height - 1)
        canvas_HWC[rows, columns] = colours_N3[order]


def _line_boxes(canvas_HWC: np.ndarray, scene: ParkingScene, camera: Camera, scale: float) -> None:
    for box in scene.boxes3d:
        corners_83 = box_corners(box.location, dimensions=box.dimensions, rotation_z=box.rotation_z)
        lines = camera.project_edges(corners_83[np.array(BOX_EDGES)]) * scale
        for start, end in _whole(lines):
            cv2.line(canvas_HWC, start.tolist(), end.tolist(), _BOX3D_RGB, 2, cv2.LINE_AA)
        middle, _ = camera.project(box.location[None], size=_full_size(canvas_HWC, scale))
        for place in _whole(middle * scale).tolist():
            _write(canvas_HWC, box.name, place, _BOX3D_RGB)


def _full_size(canvas_HWC: np.ndarray, scale: float) -> tuple[int, int]:
    height, width = canvas_HWC.shape[:2]
    return round(height / scale), round(width / scale)


def _whole(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(values, -_FAR_PX, _FAR_PX).round(), np.int32)


def _write(
    canvas_HWC: np.ndarray, text: str, place: Sequence[int], colour: tuple[int, int, int]
) -> None:
    # Twice, the wider one dark, so that it can be read on any ground.
    plain = clean_text(text).encode("ascii", "replace").decode()[:40]
    for ink, width in (((0, 0, 0), 3), (colour, 1)):
        cv2.putText(
            canvas_HWC, plain, tuple(place), cv2.FONT_HERSHEY_SIMPLEX, 0.45, ink, width, cv2.LINE_AA
        )


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(Counter(names).most_common())
