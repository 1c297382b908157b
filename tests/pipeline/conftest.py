"""Fixtures of the pipeline tests: a model of a few bytes whose labels can be foretold."""

from pathlib import Path

import pytest

from tests.cli.glowing import write_bundle


@pytest.fixture(scope="session")
def glowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A verified bundle that labels pixels by their brightness."""
    return write_bundle(tmp_path_factory.mktemp("models") / "glowing")


@pytest.fixture(scope="session")
def glowing_cams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with activation maps."""
    return write_bundle(tmp_path_factory.mktemp("models") / "glowing", cams=True)
