import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.classmap import NIGHT_RIDE
from losszero_rt.errors import ExitCode, InputError, UsageError
from tests.train.datasets.drawn_layouts import (
    CATEGORY_OF,
    COCO_NAME,
    NUM,
    SIZE,
    coco,
    fuse,
    scene,
    write,
    write_motorcycle,
)
from train.datasets import open_pictures
from train.datasets.motorcycle import DRAW_ORDER

WHOLE = [0, 0, SIZE[1], 0, SIZE[1], SIZE[0], 0, SIZE[0]]


def write_annotated(folder: Path, annotations: list[dict[str, Any]]) -> Path:
    """Write one picture with these annotations, given ids in the order of the list."""
    write(folder / "images" / "night ride (1).png", scene(0)[0])
    record = coco({"night ride (1).png": np.full(SIZE, 255, np.uint8)})
    for number, annotation in enumerate(annotations, start=1):
        record["annotations"].append({"id": number, "image_id": 1, **annotation})
    (folder / COCO_NAME).write_text(json.dumps(record))
    return folder


def outline(name: str, *boxes: tuple[int, int, int, int], **more: Any) -> dict[str, Any]:
    """Return an annotation of a class whose outlines are boxes: left, top, right, bottom."""
    polygons = [[x, y, x2, y, x2, y2, x, y2] for x, y, x2, y2 in boxes]
    category = CATEGORY_OF[NIGHT_RIDE.id_of(name)]
    return {"category_id": category, "segmentation": polygons, **more}


@pytest.mark.parametrize(("with_coco", "with_fuse"), [(True, False), (False, True), (True, True)])
def test_either_source_suffices_and_gives_the_same_labels(
    tmp_path: Path, with_coco: bool, with_fuse: bool
) -> None:
    folder = write_motorcycle(tmp_path, with_coco=with_coco, with_fuse=with_fuse)
    pictures = open_pictures(folder, thorough=True)
    assert pictures.names == tuple(f"night ride ({number}).png" for number in range(NUM))
    for number, picture in enumerate(pictures):
        assert np.array_equal(picture.labels_HW, scene(number)[1])
        assert (picture.instances_HW is not None) == with_coco
    assert bool(pictures.notes) == (with_coco and with_fuse)


def test_annotations_win_where_both_are_there(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path)
    other = np.full(SIZE, 1, np.uint8)
    write(folder / "images" / "night ride (0).png___fuse.png", fuse(other))
    assert np.array_equal(open_pictures(folder)[0].labels_HW, scene(0)[1])


def test_a_picture_that_the_annotations_leave_out_takes_its_colour_mask(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path)
    pixels, labels = scene(8)
    write(folder / "images" / "Screenshot (5).png", pixels)
    write(folder / "images" / "Screenshot (5).png___fuse.png", fuse(labels))
    write(folder / "images" / "Screenshot (5).png___save.png", pixels)
    pictures = open_pictures(folder, thorough=True)
    assert pictures.names[0] == "Screenshot (5).png"
    assert np.array_equal(pictures[0].labels_HW, labels)
    assert pictures[0].instances_HW is None
    assert pictures[1].instances_HW is not None


def test_what_is_nearer_covers_what_is_behind_whatever_the_order_of_the_file(
    tmp_path: Path,
) -> None:
    names = ("undrivable", "road", "lane mark", "moveable", "my bike", "rider")
    assert tuple(NIGHT_RIDE.id_of(name) for name in names) == DRAW_ORDER
    # Each covers the right part of all before it, and the file lists them the other way round.
    boxes = [(8 * number, 0, SIZE[1], SIZE[0]) for number in range(6)]
    annotations = [outline(name, box) for name, box in zip(names, boxes, strict=True)]
    picture = open_pictures(write_annotated(tmp_path, annotations[::-1]))[0]
    row = picture.labels_HW[5]
    assert [int(row[8 * number + 4]) for number in range(6)] == list(DRAW_ORDER)
    assert picture.instances_HW is not None
    assert picture.instances_HW[5, 4:48:8].tolist() == [1, 2, 3, 4, 5, 6]


def test_objects_of_one_class_are_told_apart_and_several_outlines_are_one(tmp_path: Path) -> None:
    first = outline("moveable", (0, 0, 10, 10), (20, 0, 30, 10))
    second = outline("moveable", (5, 5, 15, 20))
    picture = open_pictures(write_annotated(tmp_path, [first, second]))[0]
    assert picture.instances_HW is not None
    assert picture.instances_HW[2, 2] == picture.instances_HW[2, 25] == 1
    assert picture.instances_HW[7, 7] == picture.instances_HW[15, 10] == 2
    assert (picture.labels_HW[picture.instances_HW > 0] == 5).all()


def test_what_nothing_covers_is_unlabelled(tmp_path: Path) -> None:
    picture = open_pictures(write_annotated(tmp_path, [outline("road", (0, 0, 10, 10))]))[0]
    assert (picture.labels_HW[:10, :10] == 1).all()
    assert (picture.labels_HW[12:, 12:] == NIGHT_RIDE.ignored_id).all()


def test_black_and_transparent_pixels_of_a_colour_mask_are_unlabelled(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path, with_coco=False)
    mask = fuse(scene(0)[1])
    mask[:4] = (0, 0, 0, 255)
    mask[4:8, :, 3] = 0
    write(folder / "images" / "night ride (0).png___fuse.png", mask)
    labels = open_pictures(folder)[0].labels_HW
    assert (labels[:8] == NIGHT_RIDE.ignored_id).all()
    assert np.array_equal(labels[8:], scene(0)[1][8:])


def test_crowds_are_drawn_but_are_no_object(tmp_path: Path) -> None:
    crowd = outline("moveable", (0, 0, 20, 20), iscrowd=1)
    single = outline("moveable", (30, 0, 40, 20))
    picture = open_pictures(write_annotated(tmp_path, [crowd, single]))[0]
    assert picture.instances_HW is not None
    assert picture.labels_HW[5, 5] == 5
    assert picture.instances_HW[5, 5] == 0
    assert picture.instances_HW[5, 35] == 1


def test_every_broken_annotation_and_file_is_listed_at_once(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path)
    record = json.loads((folder / COCO_NAME).read_text())
    record["annotations"][0]["segmentation"] = []
    record["annotations"][1]["image_id"] = 99
    record["categories"][0]["name"] = "Pavement"
    record["images"].append({"id": 50, "file_name": "gone.png", "height": 40, "width": 64})
    (folder / COCO_NAME).write_text(json.dumps(record))
    write(folder / "images" / "bare.png", scene(0)[0])
    with pytest.raises(InputError) as caught:
        open_pictures(folder)
    assert caught.value.exit_code == ExitCode.INPUT
    for part in (
        "annotation 1 is empty",
        "annotation 2 is of picture 99",
        "gone.png has no image",
        "unknown class 'Pavement'",
        "bare.png has no annotation",
    ):
        assert part in str(caught.value)


def test_unknown_colours_of_a_colour_mask_are_counted(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path, with_coco=False)
    mask = fuse(scene(0)[1])
    mask[0, :7] = (1, 2, 3, 255)
    write(folder / "images" / "night ride (0).png___fuse.png", mask)
    with pytest.raises(InputError, match="unknown colours: #010203 on 7 pixels"):
        open_pictures(folder, thorough=True)


def test_several_annotation_files_are_refused(tmp_path: Path) -> None:
    folder = write_motorcycle(tmp_path)
    (folder / "COCO_motorcycle (copy).json").write_text("{}")
    with pytest.raises(UsageError, match="several annotation files"):
        open_pictures(folder)
