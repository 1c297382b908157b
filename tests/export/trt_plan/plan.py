"""What torch_tensorrt would put into TensorRT, and the network it would ask for: no GPU needed.

Run as ``python -m tests.export.trt_plan.plan NAME...`` with the stub and the compiler's Python on
the path; prints one JSON object a case. Nothing is built, so it says nothing of speed or numbers.
"""

import collections
import json
import logging
import sys
import warnings
from contextlib import nullcontext, redirect_stdout
from typing import Any

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch  # noqa: E402

from tests.export.trt_plan import fake_cuda, recorder  # noqa: E402

fake_cuda.install()
# The compiler learns of quantised layers only where it finds this, and before it is imported.
fake_cuda.quantise_as_on_a_gpu()

import tensorrt  # noqa: E402
import torch_tensorrt  # noqa: E402
from torch_tensorrt.dynamo import _compiler, partitioning  # noqa: E402
from torch_tensorrt.dynamo.conversion._ConverterRegistry import ConverterRegistry  # noqa: E402

from export.compile_tensorrt import (  # noqa: E402
    compile_settings,
    example_for,
    exported_with,
    hardtanh_kept,
)
from export.engine_request import EngineRequest  # noqa: E402
from export.quantising import exporting  # noqa: E402
from losszero_rt.caches import cache_folder  # noqa: E402
from losszero_rt.network.mask_rcnn_split import num_regions  # noqa: E402
from tests.export.trt_plan.cases import CASES, OBJECTS, Case  # noqa: E402

assert tensorrt.IS_STUB


def main(names: list[str]) -> None:
    """Plan the named cases, or all of them."""
    recorder.install()
    # A dry run would move what falls back to a GPU that is not there.
    _compiler.to_torch_device = lambda _: torch.device("cpu")
    for name in names or list(CASES):
        try:
            # Libraries talk on standard output; rows alone belong there.
            with redirect_stdout(sys.stderr):
                row = plan(CASES[name])
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            row = {"error": f"{type(error).__name__}: {lines[0][:300]}"}
        sys.stdout.write(json.dumps({"case": name, **row}) + "\n")
        sys.stdout.flush()


def plan(case: Case) -> dict[str, Any]:
    """Return engines, parts that fall back to torch, and the recorded network of each engine."""
    request = EngineRequest(
        bundle="",
        out="",
        batch=num_regions(OBJECTS.network, case.head) if case.head else case.batch,
        precision=case.precision,
        device="cpu",
        part=case.head,
    )
    program, inputs = _exported(case, request)
    timing_cache = cache_folder("tensorrt") / "timing.bin"
    settings = compile_settings(request, timing_cache=timing_cache) | (case.settings or {})
    seen: list[Any] = []
    shown = _compiler.dryrun_stats_display
    _compiler.dryrun_stats_display = lambda tracker, _: seen.append(tracker)
    try:
        with hardtanh_kept() if case.keep_hardtanh else nullcontext():
            module = torch_tensorrt.dynamo.compile(
                program, arg_inputs=inputs, dryrun=True, **settings
            )
    finally:
        _compiler.dryrun_stats_display = shown
    parts = dict(module.named_children())
    engines = [part for name, part in parts.items() if "_run_on_acc" in name]
    return {
        "num_engines": len(engines),
        "num_torch_parts": sum("_run_on_gpu" in name for name in parts),
        "unsupported": dict(seen[0].unsupported_ops),
        "fallback": _fallback(parts),
        "engines": [
            recorder.record(part, _inputs_of(module, part, inputs), seen[0].compilation_settings)
            for part in engines
        ],
    }


def _inputs_of(module: Any, part: Any, inputs: list[Any]) -> Any:
    """The inputs of an engine with their profiles, as the compiler itself works them out."""
    asked = [given for given in inputs if isinstance(given, torch_tensorrt.Input)]
    num_profiles = _compiler.validate_optimization_profiles(asked)
    bounds = None
    if num_profiles:
        bounds = partitioning.build_profile_source_bounds(module, asked, num_profiles)
    return partitioning.construct_submodule_inputs(
        part, profile_source_bounds=bounds, num_profiles=num_profiles
    )


def _exported(case: Case, request: EngineRequest) -> tuple[Any, list[Any]]:
    graph = case.make()
    if not case.dynamic:
        with exporting(case.precision):
            # Whole networks and trunks take pictures, whatever network they are of.
            example = example_for(request, size=case.size, spec=OBJECTS.network)
            example = example if case.takes is None else example.to(case.takes)
            program = exported_with(graph, example)
        return program, [example]
    half = torch.zeros(case.batch, *case.size, 3, dtype=torch.float16)
    batch = torch.export.Dim("batch", min=1, max=case.dynamic)
    with torch.no_grad():
        program = torch.export.export(graph, (half,), strict=False, dynamic_shapes=({0: batch},))
    one, most = (1, *case.size, 3), (case.dynamic, *case.size, 3)
    if case.profile:
        shapes: dict[str, Any] = {
            "profiles": [{"min_shape": one, "opt_shape": most, "max_shape": most}]
        }
    else:
        shapes = {"min_shape": one, "opt_shape": most, "max_shape": most}
    return program, [torch_tensorrt.Input(dtype=torch.float16, name="values_nhwc", **shapes)]


def _fallback(parts: dict[str, Any]) -> dict[str, int]:
    """Operations of the parts that torch would run."""
    return dict(
        collections.Counter(
            ConverterRegistry.qualified_name_or_str(node.target)
            for name, part in parts.items()
            if "_run_on_gpu" in name
            for node in part.graph.nodes
            if node.op == "call_function"
        )
    )


if __name__ == "__main__":
    main(sys.argv[1:])
