"""SAM through the export: a static graph that says what the network says, on a video too."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from export.__main__ import main
from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.checkpoint import Checkpoint, write_checkpoint
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.network import NetworkSpec, build_network
from losszero_rt.preprocess import InputSpec
from tests.bundles import CLASSES, SIZE, draw_inputs, write_pairs
from tests.cli.program import Program
from tests.media import write_clip

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SPEC = NetworkSpec(
    architecture="sam", encoder="samvit_tiny_patch16", num_classes=2, decoder_channels=16
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("sam")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(SPEC)
    checkpoint = Checkpoint(
        network=SPEC,
        input=InputSpec(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        classes=CLASSES,
        scores={},
        data={},
        epoch=1,
        version="0",
    )
    write_checkpoint(folder / "c", checkpoint=checkpoint, weights=network.state_dict())
    pairs = write_pairs(folder / "pairs")
    words = [folder / "c", "--out", folder / "b", "--labelled", pairs, "--precision", "fp32"]
    done = CliRunner().invoke(main, [*map(str, words), "--no-portable"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    # What depends on the size alone becomes constant, and that is nothing to warn of.
    assert "Warning" not in done.output
    return find_bundle(folder / "b")


def test_graph_of_the_encoder_says_what_the_network_says(bundle: Bundle) -> None:
    inputs_NHWC = draw_inputs(3, seed=9)
    options = EngineOptions(precision="fp32", batch=3, threads=1)
    found, truth = (
        open_engine(bundle, name=name, options=options).submit(inputs_NHWC).result()
        for name in ("openvino", "eager")
    )
    assert set(np.unique(truth)) == {0, 1}
    assert (found == truth).mean() > 0.999
    assert bundle.cams_size == (SIZE[0] // 4, SIZE[1] // 4)


def test_a_video_runs_through_it(
    bundle: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    clip, out = write_clip(tmp_path / "clip.mp4"), tmp_path / "out.mp4"
    Program(capsys).done("run", clip, "--out", out, "--model", bundle.path, "--report", path)
    report = json.loads(path.read_text())
    assert report["frames"]["shown"] == 30
    assert report["engine"] == "openvino"
    assert report["engine_parts"] is report["detections"] is None
