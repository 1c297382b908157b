import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from losszero_rt.errors import InputError
from tests.train.datasets.drawn_layouts import coco, runs, scene
from train.datasets.coco import decode_counts, read_coco

SIZE = (40, 64)
SQUARE = [10, 10, 20, 10, 20, 20, 10, 20]


def record_of(*segmentations: Any) -> dict[str, Any]:
    """Return a COCO file with one picture and an annotation a segmentation."""
    record = coco({"a.png": np.full(SIZE, 255, np.uint8)})
    record["annotations"] = [
        {"id": number, "image_id": 1, "category_id": 1323881, "segmentation": segmentation}
        for number, segmentation in enumerate(segmentations, start=1)
    ]
    return record


def read(folder: Path, record: Any) -> tuple[list[np.ndarray], list[str]]:
    """Return the masks of the first picture, and the faults."""
    path = folder / "COCO.json"
    path.write_text(json.dumps(record))
    faults: list[str] = []
    (picture, *_) = read_coco(path, faults=faults)
    return [each.mask(picture.size) for each in picture.annotations], faults


def test_polygons_are_drawn_as_pycocotools_draws_them(tmp_path: Path) -> None:
    outlines = [SQUARE, [30.5, 5.25, 60, 9, 40, 33.75]]
    masks, faults = read(tmp_path, record_of(outlines))
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(outlines, *SIZE)))
    assert not faults
    assert np.array_equal(masks[0], expected.astype(bool))


def test_compressed_and_uncompressed_runs_give_the_mask_they_came_from(tmp_path: Path) -> None:
    drawn = scene(3)[1] == 2
    packed = coco_mask.encode(np.asfortranarray(drawn.astype(np.uint8)))
    text = {"size": list(SIZE), "counts": packed["counts"].decode()}
    plain = {"size": list(SIZE), "counts": runs(drawn)}
    masks, faults = read(tmp_path, record_of(text, plain))
    assert not faults
    assert np.array_equal(masks[0], drawn)
    assert np.array_equal(masks[1], drawn)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
def test_run_lengths_survive_the_codec_of_pycocotools(counts: list[int]) -> None:
    size = (sum(counts), 1)
    packed = coco_mask.frPyObjects({"size": size, "counts": counts}, *size)
    text = packed["counts"].decode()
    assert decode_counts(text, num_pixels_max=sum(counts)).tolist() == counts


def test_outlines_beyond_the_border_are_cut_off(tmp_path: Path) -> None:
    masks, faults = read(tmp_path, record_of([[-20, 30, 90, 30, 90, 60, -20, 60]]))
    assert not faults
    assert masks[0][30:].all()
    assert not masks[0][:30].any()


@pytest.mark.parametrize(
    ("segmentation", "words"),
    [
        ([], "is empty"),
        (None, "is empty"),
        ([[1, 1, 5, 5]], "outline of 2 points"),
        ([SQUARE, []], "outline of 0 points"),
        ([[1, 1, 5, 5, 9, 1, 3]], "no list of x, y"),
        ([[1, 1, "a", 5, 9, 1]], "no list of x, y"),
        ([[float("nan"), 1, 5, 5, 9, 1]], "far outside"),
        ([[1, 1, 1e9, 5, 9, 1]], "far outside"),
        ([[70, 1, 80, 1, 80, 9]], "lies outside"),
        ({"size": [40, 64], "counts": [5, 5]}, "runs of 10 pixels for 2560"),
        ({"size": [40, 64], "counts": [2560]}, "is empty"),
        ({"size": [40, 64], "counts": [2600, -40]}, "runs of"),
        ({"size": [64, 40], "counts": [0, 2560]}, "in a picture of"),
        ({"size": [40, 64], "counts": ""}, "runs of 0 pixels"),
        ({"size": [40, 64], "counts": "zz~~"}, "no run-length code"),
        ({"size": [40, 64], "counts": "P"}, "cut off"),
        ({"size": [40, 64], "counts": "1" * 9000}, "more runs than pixels"),
        ({"size": [40, 64]}, "neither a text nor"),
        ("text", "no list of x, y"),
    ],
)
def test_broken_segmentations_are_listed_and_never_drawn(
    tmp_path: Path, segmentation: Any, words: str
) -> None:
    masks, faults = read(tmp_path, record_of([SQUARE], segmentation))
    assert len(masks) == 1
    (fault,) = faults
    assert fault.startswith("annotation 2 ")
    assert words in fault


def test_dangling_and_repeated_ids_are_all_listed(tmp_path: Path) -> None:
    record = record_of([SQUARE], [SQUARE], [SQUARE])
    record["annotations"][0]["image_id"] = 77
    record["annotations"][1]["category_id"] = 5
    record["annotations"][2]["id"] = 2
    record["images"] += [record["images"][0], record["images"][0] | {"id": 9}]
    _, faults = read(tmp_path, record)
    text = "; ".join(faults)
    for part in (
        "image id 1 occurs 2 times",
        "file name a.png occurs 2 times",
        "annotation id 2 occurs 2 times",
        "annotation 1 is of picture 77",
        "annotation 2 is of category 5",
    ):
        assert part in text


@pytest.mark.parametrize(
    "record", [[], {"images": []}, {"images": [1], "annotations": [], "categories": []}, "x", None]
)
def test_other_json_is_no_coco_file(tmp_path: Path, record: Any) -> None:
    with pytest.raises(InputError, match=r"COCO.json is no COCO file"):
        read(tmp_path, record)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 200_000])
def test_what_is_no_json_is_an_input_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "COCO.json").write_bytes(content)
    with pytest.raises(InputError, match="is no JSON"):
        read_coco(tmp_path / "COCO.json", faults=[])


def test_a_file_name_cannot_lead_elsewhere(tmp_path: Path) -> None:
    record = record_of([SQUARE])
    record["images"][0]["file_name"] = "../../etc/a.png"
    path = tmp_path / "COCO.json"
    path.write_text(json.dumps(record))
    assert read_coco(path, faults=[])[0].file_name == "a.png"
