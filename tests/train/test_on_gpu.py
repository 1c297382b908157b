"""What only an accelerator can show; skipped where there is none."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from losszero_rt.checkpoint import read_checkpoint, read_weights
from train.config import Precision, TrainConfig
from train.datasets import LabelledPicture
from train.loop import Data, train

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available() and os.environ.get("LOSSZERO_REQUIRE_GPU") != "1",
    reason="no CUDA device",
)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_every_precision_trains_stops_and_goes_on(
    tiny_config: TrainConfig,
    pictures: list[LabelledPicture],
    tmp_path: Path,
    precision: Precision,
) -> None:
    data = Data(sources={"night_ride": pictures[:3]}, val=pictures[3:], train_probe=pictures[:1])
    config = replace(tiny_config, precision=precision)
    train(config, data=data, out=tmp_path, say=str, accelerator="cuda", time_limit_s=0.0)
    progress = train(config, data=data, out=tmp_path, say=str, accelerator="cuda", resume=True)
    assert progress.step == config.num_steps
    weights = read_weights(tmp_path / "last", checkpoint=read_checkpoint(tmp_path / "last"))
    assert all(value.isfinite().all() for value in weights.values())
