"""ONNX Runtime as the proof uses it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from losszero_rt.bundle.finding import MODELS_FOLDER
from tests.cli.program import ROOT

AS_THE_PROOF_DOES = "from export.onnx_parity import import_onnxruntime as get; ort = get()"


@pytest.mark.skipif(sys.platform != "linux", reason="where ONNX Runtime keeps what it sends")
def test_nothing_is_kept_to_be_told_to_the_maker_of_the_runtime(tmp_path: Path) -> None:
    model = MODELS_FOLDER / "night-ride" / "model.onnx"
    # Nothing but the path: it is silent of itself where a variable of a CI is set. That it speaks
    # otherwise is not shown here, for then every run of this test would tell of its machine.
    places = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(tmp_path), "HOME": str(tmp_path)}
    words = f"{AS_THE_PROOF_DOES}; ort.InferenceSession({str(model)!r})"
    subprocess.run([sys.executable, "-c", words], cwd=ROOT, env=places, check=True, timeout=100)
    assert not any(tmp_path.iterdir())


def test_the_runtime_is_told_to_be_silent_before_it_is_loaded() -> None:
    words = (
        "import builtins, os, sys; load = builtins.__import__\n"
        "def watched(name, *rest, **named):\n"
        "    if name == 'onnxruntime' and name not in sys.modules:\n"
        "        print(os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
        "    return load(name, *rest, **named)\n"
        "builtins.__import__ = watched\n"
        f"{AS_THE_PROOF_DOES}"
    )
    known = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    said = subprocess.run(
        [sys.executable, "-c", words],
        cwd=ROOT,
        env=known,
        check=True,
        timeout=100,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    assert said.split() == ["1"]
