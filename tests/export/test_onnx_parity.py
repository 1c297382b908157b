"""ONNX Runtime as the proof uses it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from losszero_rt.bundle.finding import MODELS_FOLDER
from tests.cli.program import ROOT


@pytest.mark.skipif(sys.platform != "linux", reason="where ONNX Runtime keeps what it sends")
@pytest.mark.parametrize(
    ("way", "left"),
    [
        ("from export.onnx_parity import import_onnxruntime as get; ort = get()", False),
        # As others import it: whether there is anything to keep it from.
        ("import onnxruntime as ort", True),
    ],
)
def test_nothing_is_told_to_the_maker_of_the_runtime(way: str, left: bool, tmp_path: Path) -> None:
    model = MODELS_FOLDER / "night-ride" / "model.onnx"
    words = f"{way}; ort.InferenceSession({str(model)!r})"
    known = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    places = {"XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, env={**known, **places}, check=True, timeout=100
    )
    assert any(tmp_path.iterdir()) is left
