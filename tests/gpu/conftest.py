"""A GPU, or none: then these tests are skipped, or fail where one is required."""

import os
from pathlib import Path

import pytest

from losszero_rt.bundle import Bundle
from losszero_rt.errors import ModelError
from tests.gpu.bundles import DEMAND, with_engines, write_shipped
from tests.needing import need


def why_no_gpu() -> str:
    """Say why nothing in here can run; empty when it can."""
    from losszero_rt.engine.tensorrt_engine import find_gpu, import_tensorrt

    try:
        find_gpu("auto")
        import_tensorrt()
    except ModelError as error:
        return str(error)
    return ""


@pytest.fixture(scope="session", autouse=True)
def gpu() -> None:
    """Skip, or fail under ``LOSSZERO_REQUIRE_GPU=1``, where there is no GPU."""
    need(why_no_gpu(), demanded_by=DEMAND)


@pytest.fixture(scope="session", autouse=True)
def own_cache(gpu: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of these tests' own, so that records and engines of the user stay as they are."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["LOSSZERO_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The weights of the model that ships, without any compiled graph."""
    return write_shipped(tmp_path_factory.mktemp("bare") / "bundle")


@pytest.fixture(scope="session")
def shipped(own_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The model that ships, with engines for batches of 1, 2 and 8 in fp16."""
    bundle = write_shipped(tmp_path_factory.mktemp("shipped") / "bundle")
    return with_engines(bundle, batches=(1, 2, 8))
