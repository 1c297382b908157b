"""Speeds are what the runtime's own reports say."""

from pathlib import Path
from typing import Any

import pytest

from train.compare import running
from train.compare.running import (
    Clip,
    RefusedError,
    export_for_openvino,
    measure_speed,
    speed_of,
)


def report(fps: float, *, latency_ms: float) -> dict[str, Any]:
    return {
        "fps": fps,
        "latency_ms": {"p50": latency_ms},
        "precision": "fp32",
        "threads": 2,
        "frames": {"shown": 300},
        "warmup_frames": 30,
    }


def test_the_median_round_is_told_beside_all_of_them() -> None:
    reports = [report(9.0, latency_ms=90), report(30.0, latency_ms=30), report(10.0, latency_ms=80)]
    speed = speed_of(reports, engine="eager")
    assert speed.fps == 10.0
    assert speed.latency_ms == 80
    assert speed.rounds_fps == (9.0, 30.0, 10.0)
    assert (speed.frames, speed.warmup_frames, speed.threads) == (300, 30, 2)


def test_a_model_that_the_runtime_refuses_has_a_reason_and_no_figure(
    tmp_path: Path, clip: Path
) -> None:
    (tmp_path / "nothing").mkdir()
    speed = measure_speed(
        Clip(path=clip),
        model=tmp_path / "nothing",
        engine="eager",
        folder=tmp_path / "out",
        name="nothing",
        keep_clip=True,
    )
    assert speed.fps is None
    assert "nothing" in speed.absent
    assert "Traceback" not in speed.absent


def test_programs_are_run_without_settings_but_with_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "said.py").write_text(
        "import os, sys\n"
        "sys.exit(' '.join(f'{k}={v}' for k, v in os.environ.items() if k.startswith('LOSSZERO')))"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("LOSSZERO_ALPHA", "0.2")
    monkeypatch.setenv("LOSSZERO_CACHE", "/tmp/of-this-test")
    with pytest.raises(RefusedError, match=r"^LOSSZERO_CACHE=/tmp/of-this-test$"):
        running._run("said", [])


@pytest.mark.slow
def test_a_checkpoint_that_the_export_refuses_is_named(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"checkpoint\.json"):
        export_for_openvino(tmp_path, out=tmp_path / "bundle")
