"""Every layout all the way: trained, measured, and the checkpoint run over a clip."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from losszero_rt.checkpoint import read_checkpoint
from losszero_rt.classmap import CAMVID, CITYSCAPES, NIGHT_RIDE, PARKING
from losszero_rt.cli.main import main as losszero_rt
from losszero_rt.video import probe
from tests.media import write_clip
from tests.train.commands.tiny_run import offer_tiny, ok, run
from tests.train.datasets.drawn_layouts import WRITERS
from train.__main__ import main
from train.config import TrainConfig

CLASSES = {"parking": PARKING, "camvid": CAMVID, "cityscapes": CITYSCAPES}


@pytest.mark.slow
@pytest.mark.parametrize("layout", WRITERS)
def test_layout_is_trained_measured_and_run(
    layout: str, tiny_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer_tiny(tiny_config, monkeypatch)
    data, out = WRITERS[layout](tmp_path / "data"), tmp_path / "out"
    ok(run(data, out, "--epochs", "1"))
    checkpoint = read_checkpoint(out / "last")
    assert checkpoint.classes.names == CLASSES.get(layout, NIGHT_RIDE).names
    figures = tmp_path / "figures.json"
    words = ["evaluate", str(out / "last"), "--data", str(data), "--split", str(out / "split.json")]
    ok(CliRunner().invoke(main, [*words, "--json", str(figures)]))
    assert 0 <= json.loads(figures.read_text())["miou"] <= 1
    clip, film, report = write_clip(tmp_path / "c.mp4"), tmp_path / "o.mp4", tmp_path / "r.json"
    outputs = ["--out", str(film), "--report", str(report)]
    with pytest.raises(SystemExit, match="0"):
        losszero_rt([str(clip), "--model", str(out / "last"), *outputs])
    assert probe(film).frames == json.loads(report.read_text())["frames"]["shown"] > 0
