"""The base install, in an environment of its own: small, without torch, and enough for the job."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_INSTALLED_MB = 650


def run(*command: object, cwd: Path) -> str:
    words = [str(word) for word in command]
    result = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_base_install_alone_runs_the_demo(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    run(sys.executable, "-m", "venv", venv, cwd=tmp_path)
    run(venv / "bin/pip", "install", "--quiet", ROOT, cwd=tmp_path)
    listed = run(venv / "bin/pip", "list", "--format=json", cwd=tmp_path)
    packages = {package["name"] for package in json.loads(listed)}
    assert "losszero-rt" in packages
    assert not packages & {"torch", "torchvision", "segmentation-models-pytorch", "timm"}
    installed = sum(path.stat().st_size for path in venv.rglob("*") if path.is_file())
    assert installed < MAX_INSTALLED_MB * 1e6

    program = venv / "bin/losszero-rt"
    run(program, "demo", "--seconds", 2, "--labels", "truth", cwd=tmp_path)
    text = run(
        program,
        "ride.mp4",
        "--out",
        "overlay.mp4",
        "--labels",
        "truth",
        "--report",
        "r.json",
        cwd=tmp_path,
    )
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["engine"] == "openvino"
    assert report["frames"]["shown"] == report["output"]["frames"] == 60
    assert report["measured"]["n"] == 60
    assert f"mIoU {report['model']['miou']:.3f}" in text
    run(program, "doctor", cwd=tmp_path)
    run(program, "models", cwd=tmp_path)
