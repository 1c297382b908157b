"""``--cam CLASS`` and ``--view cam``: heat in place of class colours."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from losszero_rt.errors import ExitCode
from losszero_rt.preprocess import yuv_to_rgb
from losszero_rt.video import probe
from tests.cli.glowing import write_bundle
from tests.cli.program import Program, read_json, read_lines
from tests.media import read_clip, write_clip

SIZE = (192, 320)
DARK, BRIGHT = 40, 200  # luma of the left and of the right half
PLAIN = ("--no-legend", "--no-hud", "--crf", 0)


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose graph gives maps: brightness, for every class but the darkest."""
    return write_bundle(tmp_path_factory.mktemp("models") / "speaking", cams=True)


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip that is dark on the left and bright on the right."""
    picture = np.full(SIZE, DARK, np.uint8)
    picture[:, SIZE[1] // 2 :] = BRIGHT
    path = tmp_path_factory.mktemp("clips") / "halves.mp4"
    return write_clip(path, size=SIZE, num_frames=4, draw=lambda _: picture, options={"crf": "0"})


def colours(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """RGB in the middle of the left and of the right half of the (right) picture."""
    _, frames, _ = read_clip(path)
    planes = frames[-1].planes
    height, width = planes.size
    found = []
    for share in (1 / 4, 3 / 4):
        y, x = height // 2, width - SIZE[1] + round(share * SIZE[1])
        yuv = (planes.y[y, x], planes.u[y // 2, x // 2], planes.v[y // 2, x // 2], 1.0)
        found.append(yuv_to_rgb(planes.matrix, planes.full_range) @ np.array(yuv))
    return found[0], found[1]


def is_hot(rgb: np.ndarray) -> bool:
    """Whether a colour is from the warm end of the scale: much more red than blue."""
    return bool(rgb[0] > rgb[2] + 40)


def test_heat_lies_where_the_class_speaks(
    program: Program, speaking: Path, halves: Path, tmp_path: Path
) -> None:
    out = tmp_path / "heat.mp4"
    program.done(halves, "--model", speaking, "--cam", "moveable", "--out", out, *PLAIN)
    cold, hot = colours(out)
    assert probe(out).frames == 4
    assert is_hot(hot)
    assert not is_hot(cold)
    assert np.abs(cold - cold.mean()).max() < 8, "the picture is grey where nothing speaks"


def test_view_cam_shows_the_heat_alone(
    program: Program, speaking: Path, halves: Path, tmp_path: Path
) -> None:
    out = tmp_path / "heat.mp4"
    words = ("--cam", "moveable", "--view", "cam", "--out", out)
    program.done(halves, "--model", speaking, *words, *PLAIN)
    cold, hot = colours(out)
    assert is_hot(hot)
    assert cold.max() < 110, "the cold end of the scale, not the picture's grey"
    assert cold[2] > cold[1] + 20


def test_side_by_side_the_left_half_is_the_picture_as_it_came(
    program: Program, speaking: Path, halves: Path, tmp_path: Path
) -> None:
    out = tmp_path / "side.mp4"
    words = ("--cam", "moveable", "--view", "side", "--out", out)
    program.done(halves, "--model", speaking, *words, *PLAIN)
    _, frames, _ = read_clip(out)
    planes = frames[-1].planes
    assert planes.size == (SIZE[0], 2 * SIZE[1])
    assert abs(int(planes.y[96, SIZE[1] * 3 // 4]) - BRIGHT) <= 2
    assert is_hot(colours(out)[1])


def test_heat_of_a_wide_picture_ends_where_the_picture_does(
    program: Program, speaking: Path, tmp_path: Path
) -> None:
    """Three times as wide as high, it lies between bars in the network's input."""
    size = (160, 480)
    picture = np.full(size, DARK, np.uint8)
    picture[: size[0] // 2] = BRIGHT
    clip = write_clip(tmp_path / "wide.mp4", size=size, num_frames=2, draw=lambda _: picture)
    out = tmp_path / "heat.mp4"
    program.done(clip, "--model", speaking, "--cam", "moveable", "--out", out, *PLAIN)
    _, frames, _ = read_clip(out)
    planes = frames[-1].planes
    hot = [int(planes.u[y // 2, 120]) < 112 for y in (6, 40, 70, 90, 120, 154)]
    assert hot == [True, True, True, False, False, False]


def test_a_class_that_never_speaks_leaves_the_picture_alone(
    program: Program, speaking: Path, halves: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cold.mp4"
    program.done(halves, "--model", speaking, "--cam", "undrivable", "--out", out, *PLAIN)
    _, frames, _ = read_clip(out)
    left, right = frames[-1].planes.y[96, 80], frames[-1].planes.y[96, 240]
    assert abs(int(left) - DARK) <= 2
    assert abs(int(right) - BRIGHT) <= 2


def test_legend_is_drawn_and_the_report_names_the_class(
    program: Program, speaking: Path, halves: Path, tmp_path: Path
) -> None:
    out, report, lines = (tmp_path / name for name in ("o.mp4", "r.json", "f.jsonl"))
    outputs = ("--out", out, "--report", report, "--json", lines)
    outcome = program.done(halves, "--model", speaking, "--cam", "Lane_Mark", *outputs)
    assert "CAM of lane mark" in outcome.out
    assert read_json(report)["cam"] == "lane mark"
    assert read_lines(lines)[-1]["report"]["cam"] == "lane mark"
    schema = files("losszero_rt") / "schema" / "report.schema.json"
    jsonschema.validate(read_json(report), json.loads(schema.read_text()))


def test_without_cam_the_report_says_so(
    program: Program, speaking: Path, halves: Path, tmp_path: Path
) -> None:
    outputs = ("--out", tmp_path / "o.mp4", "--report", tmp_path / "r.json")
    outcome = program.done(halves, "--model", speaking, *outputs)
    assert read_json(tmp_path / "r.json")["cam"] is None
    assert "CAM" not in outcome.out


def test_masks_are_the_same_with_and_without_heat(
    program: Program, speaking: Path, halves: Path, tmp_path: Path
) -> None:
    for name, words in (("with", ("--cam", "road")), ("without", ())):
        program.done(halves, "--model", speaking, "--masks", tmp_path / name, *words)
    for path in sorted((tmp_path / "with").iterdir()):
        assert path.read_bytes() == (tmp_path / "without" / path.name).read_bytes()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--cam", "lane"), "unknown class 'lane'. classes: undrivable, road, lane mark"),
        (("--cam", "lane"), "did you mean 'lane mark'?"),
        (("--view", "cam"), "add --cam 'lane mark'"),
        (("--view", "mask", "--cam", "road"), "--view cam shows the heat alone"),
    ],
)
def test_wrong_words_are_usage_errors(
    program: Program, speaking: Path, halves: Path, tmp_path: Path, words: tuple[str], says: str
) -> None:
    out = tmp_path / "o.mp4"
    outcome = program(halves, "--model", speaking, "--out", out, *words)
    assert outcome.code == ExitCode.USAGE
    assert says in outcome.error_line
    assert not list(tmp_path.iterdir())


def test_a_bundle_without_maps_is_a_model_error(
    program: Program, halves: Path, tmp_path: Path
) -> None:
    outcome = program(halves, "--out", tmp_path / "o.mp4", "--cam", "road")
    assert outcome.code == ExitCode.MODEL
    assert "gives no class activation maps" in outcome.error_line
    assert "python -m export" in outcome.error_line
    assert not list(tmp_path.iterdir())
