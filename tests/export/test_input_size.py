"""``--imgsz``: a bundle whose input has another size than the training's."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from export.__main__ import main
from export.config import ExportConfig
from export.exporting import export_bundle
from losszero_rt.bundle import Bundle
from losszero_rt.errors import ExitCode, UsageError


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_scores_and_parity_are_those_of_that_size(
    config: ExportConfig, bundle: Bundle, tmp_path: Path
) -> None:
    other = export_bundle(replace(config, out=tmp_path / "other", imgsz=(96, 128)))
    assert other.input_spec.size == other.labels_size == (96, 128)
    assert other.is_verified
    assert other.scores["n"] == bundle.scores["n"]
    assert other.scores["miou"] != bundle.scores["miou"]
    assert other.source_sha256 == bundle.source_sha256


@pytest.mark.parametrize("size", [(100, 672), (384, 670), (0, 32), (16, 32)])
def test_sides_that_are_no_multiples_of_32_are_refused(
    config: ExportConfig, size: tuple[int, int]
) -> None:
    with pytest.raises(UsageError, match=f"--imgsz {size[0]}x{size[1]}.*multiples of 32"):
        replace(config, imgsz=size)


@pytest.mark.parametrize("text", ["384", "384x672x3", "wide", "384 672"])
def test_what_is_no_size_is_refused_before_any_work(config: ExportConfig, text: str) -> None:
    words = [str(config.model), "--out", "never", "--imgsz", text]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == ExitCode.USAGE
    assert "384x672" in done.output


def test_the_command_passes_height_before_width(config: ExportConfig, tmp_path: Path) -> None:
    words = [str(config.model), "--out", str(tmp_path / "b"), "--imgsz", "100x64"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == ExitCode.USAGE
    assert "--imgsz 100x64" in done.output
