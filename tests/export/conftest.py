"""A bundle as the command writes it; only to be read."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from export.__main__ import main
from export.config import ExportConfig
from losszero_rt.bundle import Bundle, find_bundle
from tests.bundles import write_pairs, write_small_checkpoint


@pytest.fixture(scope="session")
def config(tmp_path_factory: pytest.TempPathFactory) -> ExportConfig:
    folder = tmp_path_factory.mktemp("export")
    return ExportConfig(
        model=write_small_checkpoint(folder / "checkpoint"),
        out=folder / "small",
        labelled=write_pairs(folder / "pairs"),
        # Without a second graph in int8, which has tests of its own and takes its time.
        precision="bf16",
        # Nor the ONNX file, for the same reasons.
        portable=False,
    )


@pytest.fixture(scope="session")
def pairs(config: ExportConfig) -> Path:
    """The labelled pictures."""
    assert config.labelled is not None
    return config.labelled


@pytest.fixture(scope="session")
def bundle(config: ExportConfig) -> Bundle:
    arguments = [config.model, "--out", config.out, "--labelled", config.labelled]
    words = [*map(str, arguments), "--precision", config.precision, "--no-portable"]
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "verified" in done.output
    assert "UNVERIFIED" not in done.output
    return find_bundle(config.out)
