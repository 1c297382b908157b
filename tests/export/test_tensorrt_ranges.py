"""What the ranges of eight-bit TensorRT engines are measured on."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from export.calibration import calibration_inputs
from export.config import ExportConfig
from export.tensorrt_engines import facts_of, ranges_of, requests_of
from losszero_rt.errors import InputError, UsageError
from tests.bundles import INPUT, write_pairs, write_small_checkpoint
from tests.engine.tensorrt_double import without_gpu, write_engines
from tests.export.test_tensorrt_engines import build_double


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ExportConfig]:
    with without_gpu(monkeypatch, cache_folder=tmp_path / "cache"):
        yield ExportConfig(
            model=write_small_checkpoint(tmp_path / "checkpoint"),
            out=tmp_path / "small",
            labelled=write_pairs(tmp_path / "pairs"),
            engine="tensorrt",
            batches=(1, 3),
        )


def test_none_are_measured_for_engines_of_half(config: ExportConfig) -> None:
    assert ranges_of(config, say=pytest.fail) == {}


def test_named_pictures_reach_the_builder_and_the_twin(
    config: ExportConfig, tmp_path: Path
) -> None:
    others = write_pairs(tmp_path / "others", first=4)
    eight = replace(config, precision="int8", calibration=others)
    found = ranges_of(eight, say=pytest.fail)
    assert found["calibration"] == str(others)
    bundle = write_engines(tmp_path / "bundle")
    (one, _) = requests_of(bundle, config=eight).values()
    assert (one.calibration, one.labelled) == (str(others), str(config.labelled))
    inputs_NHWC = calibration_inputs(one, spec=bundle.input_spec)
    assert inputs_NHWC is not None
    assert inputs_NHWC.shape == (4, *bundle.input_spec.size, 3)
    assert inputs_NHWC.dtype == np.uint8
    assert len({pixels_HWC.tobytes() for pixels_HWC in inputs_NHWC}) == 4
    assert facts_of(one, asdict(build_double(one)))["ranges"] == "others"


def test_pictures_that_are_scored_are_not_measured_on(config: ExportConfig) -> None:
    eight = replace(config, precision="fp8", calibration=config.labelled)
    with pytest.raises(InputError, match="are scored too"):
        ranges_of(eight, say=pytest.fail)


def test_without_pictures_rides_are_drawn_and_that_is_said(
    config: ExportConfig, tmp_path: Path
) -> None:
    heard: list[str] = []
    eight = replace(config, precision="int8")
    assert ranges_of(eight, say=heard.append) == {}
    assert heard[0].startswith("int8 ranges are measured on drawn night rides: ")
    (one, _) = requests_of(write_engines(tmp_path / "bundle"), config=eight).values()
    assert calibration_inputs(one, spec=INPUT) is None
    assert facts_of(one, asdict(build_double(one)))["ranges"] == "drawn night rides"


def test_engines_of_half_have_none_to_measure(config: ExportConfig) -> None:
    with pytest.raises(UsageError, match=r"--calibration with --engine tensorrt --precision auto"):
        replace(config, calibration=config.labelled)
