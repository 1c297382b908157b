"""The plan of the TensorRT path, made by the compiler's own Python without a GPU.

Needs the wheel of torch-tensorrt, whose dependencies are left away: ``make trt-plan`` fetches it.
"""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from export.compile_tensorrt import compile_settings, save_settings
from export.engine_request import EngineRequest
from tests.export.trt_plan.cases import FAMILIES, PARKING, SAMS, SIZE
from tests.needing import need_modelopt

pytestmark = [pytest.mark.trt_plan, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
WHEELS = Path(os.environ.get("LOSSZERO_TRT_WHEELS", ROOT / ".trt_wheels"))
SHIPPED = "shipped"
NETWORKS = (*FAMILIES, *PARKING, SHIPPED)
HALVES = tuple(name for name in NETWORKS if name not in SAMS)
# Layers that move or hold numbers; the others compute.
STILL = ("constant", "input_", "shuffle", "slice", "cast", "shape", "gather")
SAM_FLOATS_MAX = 12


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of torch-tensorrt, without its libraries."""
    wheels = [*WHEELS.glob("torch_tensorrt-*.whl"), *WHEELS.glob("dllist-*.whl")]
    if len(wheels) < 2:
        pytest.skip(f"no wheels of torch-tensorrt and dllist in {WHEELS}: run make trt-plan")
    folder = tmp_path_factory.mktemp("site")
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                heavy = name.startswith(("torch_tensorrt/lib/", "torch_tensorrt/bin/"))
                if not heavy and not name.endswith(".so"):
                    archive.extract(name, folder)
    return folder


@pytest.fixture(scope="module")
def plans(site: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The plan of every case, made in one process of its own."""
    stub = Path(__file__).parent / "trt_plan" / "stub"
    folders = [*map(str, (ROOT, site, stub)), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, folders)),
        "LOSSZERO_CACHE": str(tmp_path_factory.mktemp("cache")),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.export.trt_plan.plan"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {row["case"]: row for row in map(json.loads, done.stdout.splitlines())}


def computing(plan: dict[str, Any], kind: str) -> int:
    """Layers of an engine that compute in a type."""
    found = plan["engines"][0]["kinds"].items()
    return sum(
        count
        for name, count in found
        if name.endswith(f":{kind}") and name.split(":")[0] not in STILL
    )


@pytest.mark.parametrize("family", NETWORKS)
def test_every_network_becomes_one_engine_and_nothing_falls_back(
    plans: dict[str, Any], family: str
) -> None:
    plan = plans[family]
    assert "error" not in plan, plan
    assert (plan["num_engines"], plan["num_torch_parts"]) == (1, 0)
    assert plan["unsupported"] == plan["fallback"] == {}


@pytest.mark.parametrize("family", NETWORKS)
def test_engines_take_half_pictures_and_give_int32_labels_and_half_maps(
    plans: dict[str, Any], family: str
) -> None:
    engine = plans[family]["engines"][0]
    trained = (FAMILIES | PARKING).get(family, FAMILIES["fpn"])
    height, width = trained.input.size
    assert engine["inputs"] == [["HALF", [1, height, width, 3]]]
    labels, maps = engine["outputs"]
    assert labels == ["INT32", [1, height, width]]
    assert maps == ["HALF", [1, trained.network.num_classes, height // 4, width // 4]]


def test_maps_of_all_classes_add_one_sum(plans: dict[str, Any]) -> None:
    with_maps, without = plans["fpn"]["engines"][0], plans["labels alone"]["engines"][0]
    assert without["outputs"] == [["INT32", [1, *SIZE]]]
    added = {
        name: count - without["kinds"].get(name, 0)
        for name, count in with_maps["kinds"].items()
        if count != without["kinds"].get(name, 0)
    }
    # Their ReLU is left out: behind it an overflow could not be told.
    assert added == {"constant:HALF": 1, "elementwise:HALF": 1}


def test_the_twin_ends_in_half_logits_at_the_decoders_stride(plans: dict[str, Any]) -> None:
    plan = plans["logits twin"]
    assert (plan["num_engines"], plan["num_torch_parts"]) == (1, 0)
    assert plan["engines"][0]["outputs"] == [["HALF", [1, 6, 96, 168]]]


@pytest.mark.parametrize(
    ("case", "fused", "softmaxes"),
    [
        ("segformer-b0", 0, 8),
        ("segformer-b0 fused", 8, 0),
        ("segformer-b2", 0, 16),
        ("sam-small", 8, 0),
        ("sam-small plain", 0, 8),
        ("sam-b", 12, 0),
    ],
)
def test_attention_is_one_layer_or_its_parts_as_asked(
    plans: dict[str, Any], case: str, fused: int, softmaxes: int
) -> None:
    plan = plans[case]
    assert "error" not in plan, plan
    assert (plan["num_engines"], plan["num_torch_parts"]) == (1, 0)
    kinds = plan["engines"][0]["kinds"]
    assert kinds.get("attention:HALF", 0) == fused
    assert kinds.get("softmax:HALF", 0) == softmaxes
    assert computing(plan, "FLOAT") <= (SAM_FLOATS_MAX if case in SAMS else 0)


LEVELS = ((96, 168), (48, 84), (24, 42), (12, 21), (6, 11))
NUM_ANCHORS = 3
PARTS: dict[str, tuple[list[Any], list[list[int]]]] = {
    "trunk": (
        ["HALF", [1, *SIZE, 3]],
        [[1, num, *level] for num in (256, NUM_ANCHORS, 4 * NUM_ANCHORS) for level in LEVELS],
    ),
    "boxes": (["HALF", [128, 256, 7, 7]], [[128, 6], [128, 24]]),
    "masks": (["HALF", [16, 256, 14, 14]], [[16, 6, 28, 28]]),
}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_mask_rcnn_becomes_one_engine_of_half_layers(
    plans: dict[str, Any], part: str
) -> None:
    plan = plans[f"mask-rcnn {part}"]
    assert "error" not in plan, plan
    assert (plan["num_engines"], plan["num_torch_parts"]) == (1, 0)
    assert plan["unsupported"] == plan["fallback"] == {}
    (engine,) = plan["engines"]
    given, shapes = PARTS[part]
    assert engine["inputs"] == [given]
    assert engine["outputs"] == [["HALF", shape] for shape in shapes]
    assert computing(plan, "FLOAT") == 0
    assert computing(plan, "HALF") >= 7
    assert not any(name.startswith("scale") for name in engine["kinds"])


def test_a_mask_rcnn_that_nobody_divided_cannot_even_be_exported(plans: dict[str, Any]) -> None:
    assert "GuardOnDataDependent" in plans["mask-rcnn whole"]["error"]


@pytest.mark.parametrize("precision", ["int8", "fp8"])
def test_eight_bit_networks_become_one_engine_whose_weights_and_values_are_rounded(
    plans: dict[str, Any], precision: str
) -> None:
    need_modelopt()
    plan = plans[f"fpn {precision}"]
    assert "error" not in plan, plan
    assert (plan["num_engines"], plan["num_torch_parts"]) == (1, 0)
    assert plan["unsupported"] == plan["fallback"] == {}
    engine = plan["engines"][0]
    kinds = engine["kinds"]
    # Values and weights of a convolution each, and every one of them comes back as half.
    num_rounded = kinds[f"quantize:{precision.upper()}"]
    assert num_rounded == kinds["dequantize:HALF"]
    assert num_rounded / 2 > 0.85 * kinds["convolution:HALF"]
    assert computing(plan, "FLOAT") == 0
    assert [name for name, _ in engine["outputs"]] == ["INT32", "HALF"]


@pytest.mark.parametrize("family", HALVES)
def test_every_computing_layer_is_half(plans: dict[str, Any], family: str) -> None:
    assert computing(plans[family], "FLOAT") == 0
    assert computing(plans[family], "HALF") > 20


@pytest.mark.parametrize("family", SAMS)
def test_of_sam_only_the_scalars_of_attention_are_float(plans: dict[str, Any], family: str) -> None:
    assert computing(plans[family], "FLOAT") <= SAM_FLOATS_MAX
    assert computing(plans[family], "HALF") > 20


def test_merged_normalisations_leave_no_scale_layer(plans: dict[str, Any]) -> None:
    kinds = plans["fpn"]["engines"][0]["kinds"]
    assert not any(name.startswith("scale") for name in kinds)
    unmerged = plans["normalisation not merged"]["engines"][0]["kinds"]
    assert unmerged["scale:HALF"] > 50


def test_relu6_would_run_in_float_if_it_were_decomposed(plans: dict[str, Any]) -> None:
    assert computing(plans["hardtanh decomposed"], "FLOAT") > 50
    assert computing(plans["unet"], "FLOAT") == 0


def test_all_that_goes_in_and_out_is_of_types_that_the_runtime_knows(
    plans: dict[str, Any],
) -> None:
    """The library's C++ runtime refuses an engine with a tensor of another type."""
    (wheel,) = WHEELS.glob("torch_tensorrt-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        header = archive.read("torch_tensorrt/include/torch_tensorrt/core/util/trt_util.h").decode()
    table = header.partition("const nvinfer1::DataType& dtype")[2].partition("default:")[0]
    known = set(re.findall(r"DataType::k([A-Z0-9]+):", table))
    assert {"FLOAT", "HALF", "INT32"} <= known

    def types(case: str) -> set[str]:
        engines = plans[case].get("engines", [])
        return {type_ for one in engines for type_, _ in (*one["inputs"], *one["outputs"])}

    for case in (*NETWORKS, *(f"mask-rcnn {part}" for part in PARTS), "logits twin"):
        assert types(case), case
        assert types(case) <= known, case
    assert types("uint8 in") - known == {"UINT8"}


def test_a_permutation_before_the_cast_breaks_a_rule(plans: dict[str, Any]) -> None:
    assert "UINT8 may only feed a cast" in plans["permuted before the cast"]["error"]


def test_uint8_labels_would_fall_back_to_torch(plans: dict[str, Any]) -> None:
    plan = plans["uint8 out"]
    assert "error" not in plan, plan
    assert any("_to_copy" in name for name in plan["fallback"])
    assert plan["num_torch_parts"] == 1


def test_enabled_precisions_are_ignored_in_silence(plans: dict[str, Any]) -> None:
    plan = plans["float with enabled precisions"]
    assert computing(plan, "HALF") == 0
    assert computing(plan, "FLOAT") > 20


def test_a_dynamic_graph_cannot_be_exported_from_one_frame(plans: dict[str, Any]) -> None:
    assert "UserError" in plans["dynamic from one"]["error"]


def test_profiles_are_recorded_exactly_and_plain_shapes_are_not(plans: dict[str, Any]) -> None:
    def shapes(case: str) -> list[int]:
        assert "error" not in plans[case], plans[case]
        (profile,) = plans[case]["engines"][0]["profiles"]
        (sizes,) = profile.values()
        return [size[0] for size in sizes]

    assert shapes("dynamic with a profile") == [1, 8, 8]
    # The best batch asked for was 8; the example's 4 is taken instead.
    assert shapes("dynamic with shapes") == [1, 4, 8]


def keywords_of(source: Path, function: str) -> set[str]:
    """Names of a function's keyword parameters, read without importing it."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    raise AssertionError(f"no {function} in {source}")


def test_every_keyword_of_ours_is_in_the_compilers_signature(site: Path, tmp_path: Path) -> None:
    ours = compile_settings(EngineRequest(bundle="", out="", batch=1), timing_cache=tmp_path)
    known = keywords_of(site / "torch_tensorrt" / "dynamo" / "_compiler.py", "compile")
    assert set(ours) | {"arg_inputs", "device"} <= known
    assert "enabled_precisions" not in ours
    saved = keywords_of(site / "torch_tensorrt" / "_compile.py", "save")
    assert set(save_settings()) | {"arg_inputs"} <= saved
    debugger = site / "torch_tensorrt" / "dynamo" / "debug" / "_Debugger.py"
    asked = {"log_level", "engine_builder_monitor", "save_layer_info", "logging_dir"}
    assert asked <= keywords_of(debugger, "__init__")


def test_the_private_table_of_decompositions_still_names_hardtanh(site: Path) -> None:
    lowering = site / "torch_tensorrt" / "dynamo" / "lowering"
    assert "ENABLED_TORCH_DECOMPOSITIONS" in (lowering / "_decompositions.py").read_text()
    assert "aten.hardtanh" in (lowering / "_decomposition_groups.py").read_text()


def test_the_engine_cache_is_off_and_the_timing_cache_our_own(tmp_path: Path) -> None:
    settings = compile_settings(EngineRequest(bundle="", out="", batch=1), timing_cache=tmp_path)
    assert settings["timing_cache_path"] == str(tmp_path)
    assert not settings["cache_built_engines"]
    assert not settings["reuse_cached_engines"]
    assert "engine_cache_dir" not in settings
