"""Small data sets of every layout, drawn from the same scenes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from losszero_rt.classmap import CAMVID, NIGHT_RIDE, PALETTES
from train.datasets.cityscapes import TRAIN_IDS
from train.datasets.comma10k import COLOURS as COMMA_COLOURS

SIZE = (40, 64)
NUM = 3
COCO_NAME = "COCO_motorcycle (pixel).json"
CATEGORIES = {
    1323880: "Undrivable",
    1323881: "Road",
    1323882: "Lane Mark",
    1323884: "Moveable",
    1323885: "My bike",
    1329681: "Rider",
}
CATEGORY_OF = {NIGHT_RIDE.id_of(name): number for number, name in CATEGORIES.items()}


def scene(seed: int, num_classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return uint8 RGB pixels (H, W, 3) and labels (H, W) of blocks, other ones for each seed."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(40) % num_classes).reshape(5, 8).astype(np.uint8)
    labels = np.kron(labels, np.ones((8, 8), np.uint8))
    shades = rng.integers(0, 255, (5, 8, 3)).astype(np.uint8)
    return np.kron(shades, np.ones((8, 8, 1), np.uint8)), labels


def write(path: Path, pixels: np.ndarray) -> Path:
    """Write RGB, RGBA or grey pixels by the suffix of the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    codes = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, codes[pixels.shape[2]])
    encoded, content = cv2.imencode(path.suffix, pixels)
    assert encoded
    path.write_bytes(content.tobytes())
    return path


def fuse(labels: np.ndarray) -> np.ndarray:
    """Return labels as the RGBA colours of a ``___fuse.png``, black where unlabelled."""
    table = np.zeros((256, 4), np.uint8)
    table[:, 3] = 255
    table[:6, :3] = PALETTES["classic"]
    return np.asarray(table[labels])


def runs(mask: np.ndarray) -> list[int]:
    """Return a mask as COCO run lengths, column by column, absent ones first."""
    flat = np.concatenate([[False], mask.flatten(order="F").astype(bool)])
    edges = np.flatnonzero(np.diff(flat))
    return [int(length) for length in np.diff([0, *edges, mask.size])]


def coco(labels_of: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return COCO annotations: one run-length mask a class and picture."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, (name, labels) in enumerate(labels_of.items(), start=1):
        height, width = labels.shape
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        for class_id in np.unique(labels[labels < 6]).tolist():
            code = {"counts": runs(labels == class_id), "size": [height, width]}
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": CATEGORY_OF[class_id],
                    "segmentation": code,
                    "iscrowd": 0,
                }
            )
    named = [{"id": number, "name": name} for number, name in CATEGORIES.items()]
    return {"images": images, "annotations": annotations, "categories": named}


def write_motorcycle(folder: Path, *, with_coco: bool = True, with_fuse: bool = True) -> Path:
    drawn = {f"night ride ({number}).png": scene(number) for number in range(NUM)}
    for name, (pixels, labels) in drawn.items():
        write(folder / "images" / name, pixels)
        if with_fuse:
            write(folder / "images" / f"{name}___fuse.png", fuse(labels))
    if with_coco:
        record = coco({name: labels for name, (_, labels) in drawn.items()})
        (folder / COCO_NAME).write_text(json.dumps(record))
    return folder


def write_id_masks(folder: Path) -> Path:
    rows = []
    for number in range(NUM):
        pixels, labels = scene(number)
        write(folder / "images" / f"p{number}.png", pixels)
        write(folder / "masks" / f"p{number}.png", labels)
        split = "val" if number == NUM - 1 else "train"
        rows.append({"file": f"p{number}.png", "split": split, "group": f"ride {number}"})
    (folder / "manifest.json").write_text(json.dumps(rows))
    return folder


def comma_name(number: int) -> str:
    return f"{number:04d}_{number:016x}_2018-07-2{number}--03-48-48_14_191.png"


def write_comma10k(folder: Path) -> Path:
    table = np.zeros((256, 3), np.uint8)
    for colour, class_id in COMMA_COLOURS.items():
        table[class_id] = colour
    for number in range(NUM):
        pixels, labels = scene(number)
        labels[labels == NIGHT_RIDE.id_of("rider")] = 0
        write(folder / "imgs" / comma_name(number), pixels)
        write(folder / "masks" / comma_name(number), table[labels])
    return folder


def write_camvid(folder: Path) -> Path:
    for number, split in enumerate(("train", "val", "test")):
        pixels, labels = scene(number, CAMVID.num_classes)
        name = f"0001TP_{number:06d}.png" if split == "train" else f"Seq05VD_f{number:05d}.png"
        write(folder / split / name, pixels)
        write(folder / f"{split}annot" / name, labels)
    return folder


def write_cityscapes(folder: Path) -> Path:
    label_id_of = {train_id: label_id for label_id, train_id in TRAIN_IDS.items()}
    table = np.array([label_id_of.get(train_id, 0) for train_id in range(256)], np.uint8)
    for number, city in enumerate(("aachen", "bremen", "ulm")):
        split = "val" if city == "ulm" else "train"
        pixels, labels = scene(number, 19)
        stem = f"{split}/{city}/{city}_000000_00000{number}"
        write(folder / f"leftImg8bit/{stem}_leftImg8bit.png", pixels)
        write(folder / f"gtFine/{stem}_gtFine_labelIds.png", table[labels])
    return folder


def parking_record(number: int) -> dict[str, Any]:
    """Return the JSON of a scene: a road over the lower half and a place within it."""
    place = [[4 + number, 24], [20, 24], [20, 36], [4 + number, 36]]
    return {
        "image": f"Camera/ 0000000{number} .jpg",
        "point_cloud": f"0000000{number}.pcd",
        "meta": {"time": "Day", "place": "Small and Medium"},
        "calib": {
            "intrinsic": [[30, 0, 32], [0, 30, 20], [0, 0, 1]],
            "rotation": [1.2, -1.2, 1.2],
            "translation": [0.1, 1.3, 1.4],
        },
        "segmentation": [
            {"name": "Parking Space", "polygon": place, "size": "Medium", "pattern": "Line"},
            {
                "name": "Drivable Space" if number % 2 else "Driveable Space",
                "polygon": [[-5, 20], [70, 20], [70, 45], [-5, 45]],
            },
        ],
        "bbox2d": [{"name": "Car", "occluded": 0, "bbox": [1, 2, 30, 20]}],
        "bbox3d": [
            {
                "name": "Car",
                "dimensions": [4.9, 1.9, 1.7],
                "location": [5.1, 3.3, 0.9],
                "rotation_z": -1.69,
            }
        ],
    }


def write_parking(folder: Path) -> Path:
    for number in range(NUM):
        place = folder / f"37{number}"
        write(place / f"Camera/0000000{number}.jpg", scene(number)[0])
        path = place / f"label/0000000{number}.json"
        path.parent.mkdir()
        path.write_text(json.dumps(parking_record(number)))
    return folder


WRITERS: dict[str, Callable[[Path], Path]] = {
    "motorcycle": write_motorcycle,
    "id-masks": write_id_masks,
    "comma10k": write_comma10k,
    "camvid": write_camvid,
    "cityscapes": write_cityscapes,
    "parking": write_parking,
}
