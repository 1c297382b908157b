import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from losszero_rt.errors import ExitCode, InputError, LossZeroError
from tests.train.explore.parking_data import write_lot
from train.__main__ import main

# The keys of explore.json: a change here is a change of its format.
KEYS = {
    *("format", "data", "classes", "parts", "pictures", "together", "unlabelled_pixels"),
    *("broken", "leaks", "twins", "num_twins", "notes", "verified", "scenes"),
}
CLASS_KEYS = {
    *("class_id", "name", "colour", "num_pixels", "pixel_share", "num_pictures"),
    *("objects", "places"),
}


class Tags(HTMLParser):
    """Gathers start tags with their attributes, and how deep the page ends."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["explore", *map(str, arguments)])


def read_findings(out: Path) -> dict[str, Any]:
    found = json.loads((out / "explore.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_a_sound_data_set_gives_json_plots_and_a_page(data_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    result = run(data_folder / "night_ride", "--out", out)
    assert result.exit_code == ExitCode.OK, result.output
    found = read_findings(out)
    assert set(found) == KEYS
    assert set(found["classes"][0]) == CLASS_KEYS
    assert found["format"] == 1
    assert [part["name"] for part in found["parts"]] == ["train", "val"]
    assert [part["num_pictures"] for part in found["parts"]] == [3, 1]
    masks = [cv2.imread(str(p), -1) for p in (data_folder / "night_ride" / "masks").iterdir()]
    for figures in found["classes"]:
        counted = sum(
            int((mask == figures["class_id"]).sum()) for mask in masks if mask is not None
        )
        assert figures["num_pixels"] == counted
    charts = ("class_shares", "parts", "object_sizes", "heat_maps", "brightness", "together")
    for name in (*charts, "contact_sheet"):
        assert cv2.imread(str(out / f"{name}.png")) is not None, name


def test_the_page_needs_nothing_beside_it(data_folder: Path, tmp_path: Path) -> None:
    assert run(data_folder / "night_ride", "--out", tmp_path / "report").exit_code == 0
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    tags = Tags(text)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "iframe", "object"}
    for tag, attributes in tags.found:
        for key in ("src", "href", "xlink:href", "srcset"):
            value = attributes.get(key) or "#"
            assert value.startswith(("data:image/", "#")), (tag, value)
    assert "@import" not in text
    assert "url(http" not in text
    assert "personal data" in tags.text
    assert "prefers-color-scheme:dark" in text
    assert ("meta", {"name": "viewport", "content": "width=device-width,initial-scale=1"}) in (
        tags.found
    )
    for name in ("undrivable", "lane mark", "moveable", "p3.png"):
        assert name in tags.text
    assert sum(tag == "svg" for tag, _ in tags.found) >= 6
    assert "currentColor" in text


def test_all_broken_pairs_are_listed_and_the_rest_is_reported(
    data_folder: Path, tmp_path: Path
) -> None:
    night = data_folder / "night_ride"
    (night / "masks" / "p0.png").unlink()
    cv2.imwrite(str(night / "masks" / "p1.png"), np.full((72, 126), 9, np.uint8))
    (night / "images" / "p2.png").write_bytes(b"no picture")
    result = run(night, "--out", tmp_path / "report")
    assert isinstance(result.exception, LossZeroError)
    assert result.exception.exit_code == ExitCode.INPUT
    assert "3 broken pairs" in str(result.exception)
    found = read_findings(tmp_path / "report")
    assert [picture["name"] for picture in found["pictures"]] == ["p3.png"]
    page = Tags((tmp_path / "report" / "index.html").read_text(encoding="utf-8")).text
    for reason in ("p0 has no mask", "ids outside the classes: [9]", "p2.png cannot be"):
        assert any(reason in fault for fault in found["broken"]), found["broken"]
        assert reason in page
        assert reason in result.stderr
    assert len(found["broken"]) == 3


def test_a_data_set_of_broken_pairs_only_is_still_reported(
    data_folder: Path, tmp_path: Path
) -> None:
    night = data_folder / "night_ride"
    for mask in (night / "masks").iterdir():
        mask.unlink()
    result = run(night, "--out", tmp_path / "report")
    assert isinstance(result.exception, LossZeroError)
    assert result.exception.exit_code == ExitCode.INPUT
    assert len(read_findings(tmp_path / "report")["broken"]) == 4
    assert (tmp_path / "report" / "index.html").is_file()


@pytest.mark.slow
def test_one_picture_in_two_parts_is_a_leak_and_is_shown(data_folder: Path, tmp_path: Path) -> None:
    night = data_folder / "night_ride"
    for folder in ("images", "masks"):
        (night / folder / "p3.png").write_bytes((night / folder / "p0.png").read_bytes())
    result = run(night, "--out", tmp_path / "report")
    assert result.exit_code == ExitCode.OK
    leaks = read_findings(tmp_path / "report")["leaks"]
    assert {"p0.png", "p3.png"} in [set(leak["names"]) for leak in leaks]
    assert "leak: p0.png, p3.png" in result.output
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "p0.png | p3.png" in page


def test_a_split_file_overrules_the_manifest(data_folder: Path, tmp_path: Path) -> None:
    split = tmp_path / "split.json"
    record = {
        "format": 1,
        "seed": 1,
        "scheme": "ratios 1:1",
        "data_version": "",
        "parts": {"train": ["p0.png"], "test": ["p1.png", "p2.png", "gone.png"]},
    }
    split.write_text(json.dumps(record))
    night = data_folder / "night_ride"
    result = run(night, "--out", tmp_path / "report", "--split", split)
    assert result.exit_code == ExitCode.OK, result.output
    found = read_findings(tmp_path / "report")
    assert {part["name"]: part["num_pictures"] for part in found["parts"]} == {
        "": 1,
        "test": 2,
        "train": 1,
    }
    assert any("gone.png" in note for note in found["notes"])
    assert any("1 pictures lie in no part" in note for note in found["notes"])


def test_a_class_absent_from_a_part_is_named(data_folder: Path, tmp_path: Path) -> None:
    path = data_folder / "night_ride" / "masks" / "p3.png"
    mask = cv2.imread(str(path), -1)
    assert mask is not None
    mask[mask == 2] = 1
    cv2.imwrite(str(path), mask)
    result = run(data_folder / "night_ride", "--out", tmp_path / "report")
    assert "val shows no lane mark" in result.output
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "val shows no lane mark" in page


@pytest.mark.slow
def test_limit_spreads_over_the_data_and_says_so(data_folder: Path, tmp_path: Path) -> None:
    result = run(data_folder / "night_ride", "--out", tmp_path / "report", "--limit", 2)
    assert result.exit_code == ExitCode.OK
    found = read_findings(tmp_path / "report")
    assert [picture["name"] for picture in found["pictures"]] == ["p0.png", "p3.png"]
    assert "only 2 of 4 pictures were looked at" in found["notes"]


def test_names_that_are_markup_stay_text(data_folder: Path, tmp_path: Path) -> None:
    night = data_folder / "night_ride"
    for folder in ("images", "masks"):
        source = night / folder / "p1.png"
        source.rename(night / folder / "<img src=x onerror=alert(1)> $x$.png")
    (night / "manifest.json").unlink()
    assert run(night, "--out", tmp_path / "report").exit_code == ExitCode.OK
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "<img src=x" not in text
    assert "<img src=x onerror=alert(1)> $x$.png" in Tags(text).text


@pytest.mark.slow
def test_a_report_is_written_over_an_earlier_one(data_folder: Path, tmp_path: Path) -> None:
    night, out = data_folder / "night_ride", tmp_path / "report"
    assert run(night, "--out", out, "--limit", 2).exit_code == ExitCode.OK
    first = (out / "explore.json").read_bytes()
    assert run(night, "--out", out, "--limit", 2).exit_code == ExitCode.OK
    assert (out / "explore.json").read_bytes() == first


def test_an_unwritable_folder_is_an_output_error(data_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    result = run(data_folder / "night_ride", "--out", tmp_path / "file" / "report")
    assert isinstance(result.exception, LossZeroError)
    assert result.exception.exit_code == ExitCode.OUTPUT


def test_parking_data_is_drawn_with_its_boxes_and_points(tmp_path: Path) -> None:
    folder = write_lot(tmp_path / "lots", num_scenes=2)
    result = run(folder, "--out", tmp_path / "report")
    assert result.exit_code == ExitCode.OK, result.output
    scenes = read_findings(tmp_path / "report")["scenes"]
    assert scenes["num_scenes"] == scenes["num_drawn"] == 2
    assert scenes["num_points"] == 8
    assert scenes["num_points_seen"] == 4
    assert scenes["rotation"] == "vector"
    assert cv2.imread(str(tmp_path / "report" / "scene_001.png")) is not None
    page = Tags((tmp_path / "report" / "index.html").read_text(encoding="utf-8")).text
    assert "Parking scenes" in page
    assert "Pedestrian" in page


@pytest.mark.parametrize("agree", [True, False])
def test_verify_reports_where_annotations_and_colour_mask_differ(
    tmp_path: Path, agree: bool
) -> None:
    folder = write_motorcycle(tmp_path / "ride", agree=agree)
    result = run(folder, "--out", tmp_path / "report", "--verify")
    assert result.exit_code == ExitCode.OK, result.output
    verified = read_findings(tmp_path / "report")["verified"]
    page = Tags((tmp_path / "report" / "index.html").read_text(encoding="utf-8")).text
    if agree:
        assert verified == []
        assert "they agree everywhere" in page
    else:
        assert any("road -> moveable: 400 pixels" in line for line in verified)
        assert "road -> moveable: 400 pixels" in page
        assert "road -> moveable" in result.output


def test_verify_without_two_sources_is_refused(data_folder: Path, tmp_path: Path) -> None:
    result = run(data_folder / "night_ride", "--out", tmp_path / "report", "--verify")
    assert isinstance(result.exception, LossZeroError)
    assert result.exception.exit_code == ExitCode.INPUT


def write_motorcycle(folder: Path, *, agree: bool) -> Path:
    """Write one picture of the published layout: road below, undrivable above."""
    (folder / "images").mkdir(parents=True)
    fuse = np.full((100, 200, 3), (35, 166, 245), np.uint8)
    fuse[50:] = (155, 155, 155)
    if not agree:
        fuse[60:80, 20:40] = (92, 234, 57)
    name = "night ride (1).png"
    cv2.imwrite(str(folder / "images" / name), np.full((100, 200, 3), 30, np.uint8))
    cv2.imwrite(str(folder / "images" / f"{name}___fuse.png"), fuse)
    halves = ((1323880, 0), (1323881, 50))
    record = {
        "images": [{"id": 1, "file_name": name, "width": 200, "height": 100}],
        "categories": [{"id": 1323880, "name": "Undrivable"}, {"id": 1323881, "name": "Road"}],
        "annotations": [
            {
                "id": number,
                "image_id": 1,
                "category_id": category,
                "iscrowd": 0,
                "segmentation": [[0, top, 200, top, 200, top + 50, 0, top + 50]],
                "area": 10000,
                "bbox": [0, top, 200, 50],
            }
            for number, (category, top) in enumerate(halves, 1)
        ],
    }
    (folder / "COCO_motorcycle (pixel).json").write_text(json.dumps(record))
    return folder


def test_masks_without_a_labelled_pixel_are_reported_and_refused(
    data_folder: Path, tmp_path: Path
) -> None:
    for path in (data_folder / "night_ride" / "masks").iterdir():
        cv2.imwrite(str(path), np.full((72, 126), 255, np.uint8))
    # The folder of all data sets means its night ride, as for the other commands.
    result = run(data_folder, "--out", tmp_path / "report")
    assert isinstance(result.exception, InputError)
    assert "no labelled pixel" in str(result.exception)
    assert read_findings(tmp_path / "report")["unlabelled_pixels"] == 4 * 72 * 126
