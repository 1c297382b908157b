"""``demo``, ``models`` and ``doctor``."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.bundle import finding
from losszero_rt.engine import ENGINE_NAMES
from losszero_rt.pipeline import survey
from losszero_rt.video import probe
from tests.cli.glowing import write_bundle
from tests.cli.program import Program, read_picture

SMALL = ("--size", "160x96", "--seconds", "0.4", "--rate", "10")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models in the place of those that ship: one good, one not measured."""
    folder = tmp_path / "models"
    folder.mkdir()
    write_bundle(folder / "glowing")
    write_bundle(folder / "raw", verified=False)
    monkeypatch.setattr(finding, "MODELS_FOLDER", folder)
    return folder


def test_demo_draws_the_same_ride_with_a_label_for_every_frame(
    program: Program, tmp_path: Path
) -> None:
    ride, labels = tmp_path / "ride.mp4", tmp_path / "labels"
    outcome = program.done("demo", "--out", ride, "--labels", labels, *SMALL)
    assert "4 frames drawn" in outcome.out
    assert probe(ride).frames == 4
    assert probe(ride).size == (96, 160)
    masks = {path.name: read_picture(path) for path in labels.iterdir()}
    assert sorted(masks) == [f"{i:06d}.png" for i in range(4)]
    assert all(mask.shape == (96, 160) and mask.max() <= 5 for mask in masks.values())
    assert len(np.unique(np.stack(list(masks.values())))) >= 5
    first = ride.read_bytes()
    program.done("demo", "--out", ride, "--force", *SMALL)
    assert ride.read_bytes() == first
    program.done("demo", "--out", ride, "--force", "--seed", 7, *SMALL)
    assert ride.read_bytes() != first


def test_demo_measures_up_in_a_run(program: Program, tmp_path: Path) -> None:
    ride, labels = tmp_path / "ride.mp4", tmp_path / "labels"
    program.done("demo", "--out", ride, "--labels", labels, *SMALL)
    outcome = program.done(ride, "--out", tmp_path / "o.mp4", "--labels", labels)
    assert "measured mIoU" in outcome.out
    assert "n=4" in outcome.out


def test_demo_of_odd_size_and_irregular_times(program: Program, tmp_path: Path) -> None:
    ride = tmp_path / "ride.mkv"
    program.done(
        "demo", "--out", ride, "--size", "161x95", "--seconds", 2, "--rate", "29.97", "--vfr"
    )
    found = probe(ride)
    assert found.size == (96, 162)
    gaps = np.diff(np.array(found.pts))
    assert len(set(gaps.tolist())) > 3


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--size", "big"), 2, "1280x720"),
        (("--size", "99999x99999"), 2, "8192"),
        (("--size", "8x8"), 2, "at least 16"),
        (("--seconds", "0"), 2, "--seconds"),
        (("--seconds", "inf"), 2, "--seconds"),
        (("--rate", "x"), 2, "29.97"),
        (("--rate", "0"), 2, "rate is 0"),
        (("--seed", "-1"), 2, "seed"),
        (("--out", "ride.txt"), 2, ".mp4"),
        (("--out", "none/ride.mp4"), 5, "does not exist"),
        (("--labels", "none/labels"), 5, "none/labels"),
        (("--labels", "full"), 5, "--force"),
    ],
)
def test_demo_refuses(
    program: Program,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "000000.png").write_bytes(b"precious")
    outcome = program("demo", *options)
    assert outcome.code == code
    assert words in outcome.error_line
    assert not list(tmp_path.glob("*ride*"))
    assert (tmp_path / "full" / "000000.png").read_bytes() == b"precious"


def test_models_lists_cards(program: Program, shipped: Path) -> None:
    outcome = program.done("models")
    assert "mIoU      0.500 [0.400, 0.600] on nothing, n=3, of fp32 weights" in outcome.out
    assert "0.500 of openvino fp32, 0.500 of openvino bf16" in outcome.out
    assert "not measured" in outcome.out
    assert "UNVERIFIED" in outcome.out
    assert outcome.out.count("licence   Apache-2.0") == 2
    cards = json.loads(program.done("models", "--json").out)
    assert [card["path"] for card in cards] == [str(shipped / n) for n in ("glowing", "raw")]
    assert {"licence", "attribution", "scores", "sha256", "classes"} <= set(cards[0])


def test_models_that_are_broken_or_absent_are_said(program: Program, shipped: Path) -> None:
    (shipped / "raw" / "model.bin").write_bytes(b"other")
    broken = program("models")
    assert broken.code == 4
    assert "model.bin" in broken.error_line
    for name in ("glowing", "raw"):
        (shipped / name / "manifest.json").unlink()
    assert "no model ships" in program.done("models").out


def test_doctor_fits_one_screen_and_names_everything(program: Program, shipped: Path) -> None:
    (shipped / "raw" / "model.bin").write_bytes(b"other")
    lines = program.done("doctor").out.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= survey.SCREEN_COLUMNS
    text = " ".join(" ".join(lines).split())
    for word in ("openvino", "CPU", "FP32", "torch", "tensorrt", "FFmpeg", "libx264", "h264"):
        assert word in text
    assert "model glowing openvino fits" in text
    assert "tensorrt no TensorRT engine in this bundle" in text
    assert "model raw broken" in text


def test_doctor_in_json(program: Program, shipped: Path) -> None:
    facts: Any = json.loads(program.done("doctor", "--json").out)
    assert set(facts["models"]) == {"glowing", "raw"}
    assert set(facts["models"]["glowing"]) == set(ENGINE_NAMES)
    assert facts["models"]["glowing"]["openvino"] == "fits"
    assert facts["codecs"]["encoders"]["libx264"] == "opens"
    assert facts["cores"] >= 1
