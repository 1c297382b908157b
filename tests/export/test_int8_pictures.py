"""What int8 ranges may be measured on, and what is said where nothing is left to measure."""

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from export import int8_graphs
from export.__main__ import main
from export.config import ExportConfig
from export.int8_graphs import Int8Request, settle_int8
from losszero_rt.errors import ExitCode, UsageError

pytestmark = pytest.mark.slow

needs_nncf = pytest.mark.skipif(not find_spec("nncf"), reason="nncf is not installed")


def test_without_pictures_to_measure_ranges_on_int8_is_refused(
    config: ExportConfig, tmp_path: Path
) -> None:
    words = [str(config.model), "--out", str(tmp_path / "b"), "--precision", "int8"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == ExitCode.USAGE
    assert "no pictures to measure ranges on" in done.output
    assert "--calibration FOLDER" in done.output
    done = CliRunner().invoke(main, [*words, "--labelled", str(config.labelled)])
    assert done.exit_code == ExitCode.USAGE
    assert "manifest.json" in done.output
    assert not (tmp_path / "b").exists()


def test_auto_leaves_int8_out_and_says_why(config: ExportConfig) -> None:
    said: list[str] = []
    assert settle_int8(replace(config, precision="auto"), say=said.append) is None
    assert "int8 is left out" in said[0]
    assert settle_int8(replace(config, precision="fp32"), say=said.append) is None
    assert len(said) == 1


def test_without_nncf_int8_is_refused_and_the_remedy_told(
    config: ExportConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_graphs, "find_spec", lambda _: None)
    wanted = replace(config, precision="int8", calibration=config.labelled)
    with pytest.raises(UsageError, match=r"nncf is not installed: pip install"):
        settle_int8(wanted, say=print)


def with_splits(pairs: Path, folder: Path, *, val: set[int]) -> Path:
    """The labelled pictures with a manifest that says which row is of which split."""
    shutil.copytree(pairs, folder)
    rows = [{"file": f"{n}.png", "split": "val" if n in val else "train"} for n in range(4)]
    (folder / "manifest.json").write_text(json.dumps(rows))
    return folder


@needs_nncf
@pytest.mark.parametrize("named", ["splits", "the same folder", "a copy"])
def test_pictures_that_are_all_scored_are_refused_with_the_way_out(
    named: str, config: ExportConfig, pairs: Path, tmp_path: Path
) -> None:
    labelled = with_splits(pairs, tmp_path / "pairs", val={0})
    words = [str(config.model), "--out", str(tmp_path / "b"), "--precision", "int8"]
    words += ["--labelled", str(labelled)]
    if named != "splits":
        copy = shutil.copytree(pairs, tmp_path / "copy") if named == "a copy" else labelled
        words += ["--calibration", str(copy)]
    done = CliRunner().invoke(main, words)
    # Whoever names no other pictures has said too little; whoever does has named the wrong ones.
    assert done.exit_code == (ExitCode.USAGE if named == "splits" else ExitCode.INPUT)
    num, name = {"splits": (3, "pairs/train"), "a copy": (4, "copy")}.get(named, (4, "pairs"))
    assert f"all {num} pictures of {name} are scored too" in done.output
    assert "pictures that scores are not measured on" in done.output
    assert "name a --split of --labelled" in done.output
    assert not (tmp_path / "b").exists()


@needs_nncf
def test_auto_rather_leaves_int8_out_than_measure_on_what_is_scored(
    config: ExportConfig, pairs: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    labelled = with_splits(pairs, tmp_path / "pairs", val={0})
    assert (
        settle_int8(replace(config, precision="auto", labelled=labelled), say=said.append) is None
    )
    assert "int8 is left out: all 3 pictures of pairs/train are scored too" in said[0]


@needs_nncf
def test_ranges_are_measured_on_the_rows_train_of_the_labelled_folder(
    config: ExportConfig, pairs: Path, tmp_path: Path
) -> None:
    folder = with_splits(pairs, tmp_path / "pairs", val={0})
    request = settle_int8(
        replace(config, precision="auto", labelled=folder, split="val"), say=print
    )
    assert request == Int8Request(
        calibration=str(folder), calibration_split="train", labelled=str(folder), split="val"
    )
