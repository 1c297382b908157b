"""Families that were trained a while, exported whole: the gate on weights that mean something."""

import subprocess
import sys
from pathlib import Path

import pytest

from export.config import ExportConfig
from export.exporting import export_bundle
from losszero_rt.bundle import Bundle
from tests.cli.program import ROOT
from tests.gpu.bundles import night_ride

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(3600)]

# Share of the labels of real frames that an engine keeps.
CNN_MIN, ATTENTION_MIN = 0.995, 0.99
# What a network that knows one class alone has, and more than that.
MIOU_MIN = 0.18
AGREEMENTS = {
    "unet": CNN_MIN,
    "unetplusplus": CNN_MIN,
    "deeplabv3plus": CNN_MIN,
    "fpn": CNN_MIN,
    "segformer-lite0": CNN_MIN,
    "segformer-b0": ATTENTION_MIN,
    "sam-small": ATTENTION_MIN,
}
# The others start from weights that an installed package brings; for these a hub would be asked.
FROM_NOTHING = ("segformer-b0", "sam-small", "mask-rcnn-small")
EPOCHS = 30
OBJECTS = "mask-rcnn-small"


def train(recipe: str, out: Path) -> Path:
    """Train a recipe; return its checkpoint."""
    words = ["--recipe", recipe, "--data", night_ride().parent, "--out", out, "--epochs", EPOCHS]
    words += ["--accelerator", "cuda", "--track", "disabled"]
    if recipe in FROM_NOTHING:
        words += ["--encoder-weights", "none"]
    command = [sys.executable, "-m", "train", "run", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return out / "last"


def exported(recipe: str, folder: Path) -> Bundle:
    """Train a recipe and export it for this GPU, which the gate may refuse."""
    config = ExportConfig(
        model=train(recipe, folder / "training"),
        out=folder / "bundle",
        labelled=night_ride(),
        split="val",
        engine="tensorrt",
        portable=False,
    )
    return export_bundle(config)


@pytest.mark.parametrize("recipe", AGREEMENTS)
def test_engines_of_trained_families_pass_the_gate_and_keep_the_labels(
    recipe: str, own_cache: Path, tmp_path: Path
) -> None:
    bundle = exported(recipe, tmp_path)
    assert bundle.scores["miou"] > MIOU_MIN
    (found,) = bundle.parity["tensorrt"]["precisions"].values()
    assert found["label_agreement"] >= AGREEMENTS[recipe]


def test_engines_of_a_trained_network_that_finds_objects_pass_the_gate(
    own_cache: Path, tmp_path: Path
) -> None:
    bundle = exported(OBJECTS, tmp_path)
    assert {"b1", "boxes", "masks"} <= set(bundle.engines["tensorrt"])
    (found,) = bundle.parity["tensorrt"]["precisions"].values()
    assert "objects" in found
    assert found["label_agreement"] >= ATTENTION_MIN
