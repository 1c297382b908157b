"""A bundle that every engine test runs."""

import pytest

from export.config import ExportConfig
from export.exporting import export_bundle
from losszero_rt.bundle import Bundle
from tests.bundles import write_pairs, write_small_checkpoint


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A verified bundle at 64x96."""
    folder = tmp_path_factory.mktemp("engine")
    return export_bundle(
        ExportConfig(
            model=write_small_checkpoint(folder / "checkpoint"),
            out=folder / "small",
            labelled=write_pairs(folder / "pairs"),
            portable=False,
        )
    )
