"""A drawn data set in the layout of the AI-Hub parking data, with known projections."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIZE = (540, 960)
# 10 m in front of the LiDAR, and so of the camera that sits in the same place.
BOX_LOCATION = (10.0, 0.0, 0.0)
THIRD_TURN = 2 * np.pi / 3 / np.sqrt(3)


def scene_record(name: str = "Camera/ 00000001 .jpg") -> dict[str, Any]:
    return {
        "image": name,
        "point_cloud": "00000001.pcd",
        "meta": {"time": "Day"},
        "calib": {
            "intrinsic": [[500, 0, 480], [0, 500, 270], [0, 0, 1]],
            "rotation": [THIRD_TURN, -THIRD_TURN, THIRD_TURN],
            "translation": [0, 0, 0],
        },
        "segmentation": [
            {"name": "Driveable Space", "polygon": [[0, 539], [0, 400], [959, 400], [959, 539]]},
            {"name": "Parking Space", "polygon": [[100, 500], [100, 420], [300, 420], [300, 500]]},
        ],
        "bbox2d": [{"name": "Car", "occluded": 0, "bbox": [430, 220, 530, 320]}],
        "bbox3d": [
            {
                "name": "Car",
                "dimensions": [2, 2, 2],
                "location": list(BOX_LOCATION),
                "rotation_z": 0.0,
            },
            {
                "name": "Pedestrian",
                "dimensions": [1, 1, 2],
                "location": [-9, 0, 0],
                "rotation_z": 0.0,
            },
        ],
    }


def write_scene(folder: Path, record: dict[str, Any], *, number: int = 1) -> None:
    name = f"{number:08}"
    for part in ("Camera", "label", "lidar"):
        (folder / "lot" / part).mkdir(parents=True, exist_ok=True)
    picture = np.full((*SIZE, 3), (60 + 10 * number, 60, 60), np.uint8)
    rng = np.random.default_rng(number)
    noise = rng.integers(0, 90, (5, 8, 3)).astype(np.uint8)
    picture[:300] += np.asarray(cv2.resize(noise, (960, 300)), np.uint8)
    cv2.imwrite(str(folder / "lot" / "Camera" / f"{name}.jpg"), picture)
    (folder / "lot" / "label" / f"{name}.json").write_text(json.dumps(record))
    points = np.array([[10, 0, 0], [10, 1, 1], [-10, 0, 0], [10, 99, 0]], "<f4")
    head = (
        "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\n"
        f"WIDTH {len(points)}\nHEIGHT 1\nPOINTS {len(points)}\nDATA binary\n"
    )
    (folder / "lot" / "lidar" / f"{name}.pcd").write_bytes(head.encode() + points.tobytes())


def write_lot(folder: Path, *, num_scenes: int) -> Path:
    for number in range(1, num_scenes + 1):
        record = scene_record(f"Camera/ {number:08} .jpg")
        record["point_cloud"] = f"{number:08}.pcd"
        write_scene(folder, record, number=number)
    return folder
