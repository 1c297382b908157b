"""What the builder makes of our graphs."""

from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from export.engine_request import TensorRtPrecision
from export.layer_types import HALF_SHARE_MIN
from export.probes import draw_inputs
from export.tensorrt_parity import check_alive
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, open_engine
from tests.export.trt_plan.cases import FAMILIES
from tests.gpu.bundles import DEMAND, ride_inputs, with_engines, write_family, write_shipped
from tests.needing import need

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(3600)]

SHARED_FOLDER = Path("/tmp/torch_tensorrt_engine_cache")
FP16_BYTES_SHARE_MAX = 0.65


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_becomes_one_engine_that_runs_in_half(family: str, tmp_path: Path) -> None:
    # The build itself refuses more or less than one engine, and any heavy layer in float.
    bundle = with_engines(write_family(tmp_path / family, name=family))
    facts = bundle.built["tensorrt"]["b1"]
    assert facts["precision"] == facts["precision_found"] == "fp16"
    assert facts["half_share"] >= HALF_SHARE_MIN
    assert facts["num_layers"] > 5
    assert facts["cams_size"] == [side // 4 for side in bundle.labels_size]
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions())
    labels_NHW = engine.submit(ride_inputs(bundle, num=1)).result()
    assert labels_NHW.shape == (1, *bundle.labels_size)
    assert labels_NHW.max() < bundle.classmap.num_classes
    engine.close()


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_eight_bits_are_what_is_built(precision: TensorRtPrecision, tmp_path: Path) -> None:
    no_modelopt = "" if find_spec("modelopt") else "nvidia-modelopt is not installed"
    need(no_modelopt, demanded_by=DEMAND)
    has_none = precision == "fp8" and torch.cuda.get_device_capability() < (8, 9)
    need("this GPU has no fp8" if has_none else "", demanded_by=DEMAND)
    bundle = with_engines(write_shipped(tmp_path / precision), precision=precision)
    facts = bundle.built["tensorrt"]["b1"]
    assert facts["precision_found"] == precision
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions())
    check_alive(engine, draw_inputs(bundle.input_spec))
    engine.close()


def test_half_takes_the_room_of_half(shipped: Bundle, tmp_path: Path) -> None:
    whole = with_engines(write_shipped(tmp_path / "fp32"), precision="fp32")
    assert whole.built["tensorrt"]["b1"]["precision_found"] == "fp32"
    sizes = [one.files["tensorrt-b1.pt2"].num_bytes for one in (shipped, whole)]
    assert sizes[0] <= FP16_BYTES_SHARE_MAX * sizes[1], sizes


def test_nothing_is_written_where_all_users_write(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "temporary"
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    before = _contents(SHARED_FOLDER)
    with_engines(write_family(tmp_path / "fpn", name="fpn"))
    assert _contents(SHARED_FOLDER) == before
    assert any(path.stat().st_size for path in (own_cache / "tensorrt").glob("timing-*.bin"))
    assert not list(elsewhere.rglob("*timing*"))


def test_a_shared_folder_that_cannot_be_had_does_not_stop_a_build(tmp_path: Path) -> None:
    aside = SHARED_FOLDER.with_name(f"{SHARED_FOLDER.name}.aside")
    if SHARED_FOLDER.exists():
        SHARED_FOLDER.rename(aside)
    # In the way of whoever is to make it, of root too.
    SHARED_FOLDER.write_text("somebody else's")
    try:
        with_engines(write_family(tmp_path / "fpn", name="fpn"))
    finally:
        SHARED_FOLDER.unlink()
        if aside.exists():
            aside.rename(SHARED_FOLDER)


def _contents(folder: Path) -> list[tuple[str, float]]:
    return sorted((str(path), path.stat().st_mtime) for path in folder.rglob("*"))
