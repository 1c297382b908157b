"""The page, the Markdown, the JSON and the plots of a comparison."""

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from tests.train.compare.conftest import MakeRow
from train.compare.comparison import Comparison
from train.compare.markdown import make_markdown
from train.compare.page import make_page
from train.compare.pictures import TILE_WIDTH_PX, Side, Tile
from train.compare.plot import accuracy_plot, class_plot
from train.compare.row import Speed
from train.compare.running import Clip
from train.seen import Overlap

MACHINE = {
    "cpu": "A <fast> one",
    "cores": 2,
    "threads_per_core": 1,
    "load_1min": 0.1,
    "system": "Linux x86_64",
    "versions": {"python": "3.11"},
}
VOID = {"meta", "img", "br", "circle", "line", "polygon"}


class Reader(HTMLParser):
    """Follows the tags of a page, and keeps what it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture
def comparison(make_row: MakeRow) -> Comparison:
    tile = Tile(title="image", note="", pixels_HWC=np.zeros((270, TILE_WIDTH_PX, 3), np.uint8))
    refused = {"openvino": Speed(engine="openvino", absent="no rule for <this>")}
    return Comparison(
        rows=[make_row("unet", quality=0.8), make_row("b<script>", fps=3.0, speeds=refused)],
        data="night_ride (val)",
        data_version="abc",
        weights="last",
        clip=Clip(path=Path("/somewhere/ride.mp4"), drawn=True),
        machine=MACHINE,
        sides=[Side(name="ride 9001", tiles=(tile, tile))],
        drawn_pictures=True,
    )


def test_the_page_loads_nothing_and_is_well_formed(comparison: Comparison) -> None:
    rows = comparison.rows
    page = make_page(comparison, plots=[("classes", class_plot(rows))])
    reader = Reader()
    reader.feed(page)
    assert not reader.open
    assert len(reader.loaded) == 2
    assert all(each.startswith("data:image/jpeg;base64,") for each in reader.loaded)
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert "url(" not in page
    assert "<script" not in page
    assert "viewport" in page
    assert "prefers-color-scheme:dark" in page


def test_all_three_tell_the_same_figures_and_the_machine(comparison: Comparison) -> None:
    page = make_page(comparison, plots=[])
    text = make_markdown(comparison, plots=[("classes", "class-iou.svg")])
    record = json.loads(json.dumps(comparison.as_dict(), allow_nan=False))
    first = record["rows"][0]
    for told in (page, text):
        assert f"{first['scores']['miou']:.3f}" in told
        assert f"{first['scores']['rates']['moveable_missed'] * 100:.2f} %" in told
        assert "A &lt;fast&gt; one" in told or "A <fast> one" in told
        assert "no rule for &lt;this>" in told or "no rule for &lt;this&gt;" in told
        assert "n = 3 pictures" in told
        assert "without test-time augmentation" in told
    assert record["machine"]["cpu"] == MACHINE["cpu"]
    assert record["clip"]["name"] == "ride.mp4"
    assert first["speeds"]["eager"]["fps"] == 20.0
    assert "somewhere" not in page + text + json.dumps(record)


def test_markdown_tables_have_as_many_cells_as_networks(comparison: Comparison) -> None:
    text = make_markdown(comparison, plots=[])
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert rows
    assert {line.count("|") for line in rows} == {len(comparison.rows) + 2}
    assert "](pictures/ride-9001.png)" in text


def test_notes_say_what_was_compared(comparison: Comparison, make_row: MakeRow) -> None:
    notes = " ".join(comparison.notes)
    assert "end of each training" in notes
    assert "first 30 frames" in notes
    given = [make_row("one", origin="checkpoint")]
    other = Comparison(**{**vars(comparison), "rows": given, "weights": "best"})
    assert "given as checkpoints" in " ".join(other.notes)


def test_reports_say_who_was_trained_on_what_is_scored(
    comparison: Comparison, make_row: MakeRow
) -> None:
    rows = [
        make_row("clean"),
        make_row("old", overlap=Overlap(seen=None, scored=3)),
        make_row("cheat", overlap=Overlap(seen=2, scored=3)),
        make_row("early", overlap=Overlap(seen=0, scored=3, by_split=True)),
    ]
    told = Comparison(**{**vars(comparison), "rows": rows})
    texts = [f"saw {seen} of 3 scored pictures" for seen in (0, 2)]
    for report in (make_markdown(told, plots=[]), make_page(told, plots=[])):
        assert all(text in report for text in (*texts, "unknown", "by the split beside it"))
    found = [row["training_pictures"] for row in told.as_dict()["rows"]]
    assert [each["seen"] for each in found] == [0, None, 2, 0]
    assert [each["text"] for each in found] == [texts[0], "unknown", texts[1], texts[0]]
    notes = " ".join(told.notes)
    assert "not to be compared: cheat saw 2 of 3 scored pictures." in notes
    assert "What old had been trained on is not recorded" in notes
    assert "The other networks saw none" in notes
    alone = " ".join(Comparison(**{**vars(comparison), "rows": rows[:1]}).notes)
    assert "The networks saw none" in alone
    assert "not to be compared" not in alone


def test_plots_are_xml_with_every_network(comparison: Comparison, make_row: MakeRow) -> None:
    rows = [make_row(f"net{index}", fps=2.0 * 3**index) for index in range(7)]
    for svg in (accuracy_plot(rows, engine="eager"), class_plot(rows)):
        root = ElementTree.fromstring(svg)
        texts = {each.text for each in root.iter("{http://www.w3.org/2000/svg}text")}
        assert {row.name for row in rows} <= texts
    assert ElementTree.fromstring(class_plot(comparison.rows)) is not None


def test_no_two_networks_have_the_same_mark(make_row: MakeRow) -> None:
    rows = [make_row(f"net{index}", fps=2.0 + index) for index in range(20)]
    svg = accuracy_plot(rows, engine="eager")
    points = re.findall(r"<(circle|polygon)([^>]*)/>", svg)[len(rows) :]  # the legend's
    looks = set()
    for shape, facts in points:
        numbers = [float(found) for found in re.findall(r"-?\d+\.\d", facts)]
        hue = re.search(r'fill="(#\w+)"', facts)
        assert hue is not None
        moved = [round(n - numbers[i % 2], 1) for i, n in enumerate(numbers)]
        looks.add((shape, hue[1], *moved))
    assert len(looks) == len(rows)


def test_faster_lies_right_and_better_lies_up(make_row: MakeRow) -> None:
    rows = [make_row("slow", quality=0.9, fps=2.0), make_row("fast", quality=0.3, fps=40.0)]
    svg = accuracy_plot(rows, engine="eager")
    marks = re.findall(r'<line x1="([\d.]+)" x2="[\d.]+" y1="([\d.]+)"', svg)
    (slow_x, slow_y), (fast_x, fast_y) = ((float(x), float(y)) for x, y in marks)
    assert slow_x < fast_x
    assert slow_y < fast_y
    assert accuracy_plot([make_row("none", fps=None)], engine="eager") == ""
