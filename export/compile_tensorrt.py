"""From a network to TensorRT engines: one static engine a batch size, built in a child process.

The builder speaks through process-global logging, keeps a timing cache and may end in a fault of
the driver; in a child none of that reaches the export. What came out is read back from the engine
itself: how many engines there are, and in which arithmetic its layers run.

Written for torch-tensorrt 2.14 and TensorRT 11.1 (strong typing: the dtypes of the graph are the
dtypes of the engine; ``enabled_precisions`` no longer exists and would be ignored silently).
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.attention import set_attention
from export.build_place import current, lent_timings
from export.calibration import calibration_inputs
from export.child import ChildError, run_child, serve
from export.engine_request import QUANTISED, EngineFacts, EngineRequest
from export.layer_types import precision_of
from export.quantising import exporting, import_modelopt, quantise
from losszero_rt.engine.nvidia_driver import driver_version
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import HEADS, regions_shape

if TYPE_CHECKING:
    import torch
    from torch import nn

    from losszero_rt.bundle import Bundle
    from losszero_rt.network import NetworkSpec

LAYER_INFO_NAME = "engine_layer_info.json"
BUILD_TIMEOUT_S = 3600.0


def compile_settings(request: EngineRequest, *, timing_cache: Path) -> dict[str, Any]:
    """Return the keywords of ``torch_tensorrt.dynamo.compile``.

    A misspelt or retired keyword would be swallowed in silence, so a test compares these names
    with the signature of the installed version.
    """
    return {
        "require_full_compilation": True,
        "min_block_size": 1,
        "truncate_double": False,
        # TensorRT rounds what is multiplied in fp32 to TF32 unless it is told not to.
        "disable_tf32": request.precision == "fp32",
        "optimization_level": request.optimization_level,
        # True, the default, would replace the mask of an attention by a causal one.
        "attn_bias_is_causal": False,
        "immutable_weights": True,
        # The engine cache is a pickle in a folder that all users share, with a weak key.
        "cache_built_engines": False,
        "reuse_cached_engines": False,
        # Without a path of our own the builder writes into that shared folder, after the build.
        "timing_cache_path": str(timing_cache),
        # True puts casts to float around every matrix product of a transformer: a strongly typed
        # network is then float there, though half was asked for. Parity says if half is enough.
        "use_fp32_acc": False,
        "workspace_size": 0,
    }


def save_settings() -> dict[str, Any]:
    """Return the keywords of ``torch_tensorrt.save`` besides its inputs."""
    return {"output_format": "exported_program", "retrace": True, "pickle_protocol": 4}


@contextmanager
def hardtanh_kept() -> Iterator[None]:
    """Keep ReLU6 whole while a graph is lowered.

    The usual decomposition turns it into a maximum and a minimum in fp32 between casts, although
    TensorRT has a clip layer for it. The table is private to the compiler: a test watches it.
    """
    from torch_tensorrt.dynamo.lowering import _decompositions

    table = _decompositions.ENABLED_TORCH_DECOMPOSITIONS
    kept = {
        key: table.pop(key)
        for key in list(table)
        if "hardtanh" in str(key) and "backward" not in str(key)
    }
    try:
        yield
    finally:
        table.update(kept)


def exported_with(graph: "nn.Module", example: "torch.Tensor") -> "torch.export.ExportedProgram":
    """Export a graph for inputs of just this shape and type.

    A dynamic batch would cost layers and record CUDA graphs again.
    """
    import torch

    with torch.no_grad():
        return torch.export.export(graph, (example,), strict=False)


def example_for(
    request: EngineRequest, *, size: tuple[int, int], spec: "NetworkSpec"
) -> "torch.Tensor":
    """Return what the graph of a request takes: pictures, or regions for a head.

    Args:
        request: Its batch is how many of them.
        size: (height, width) of the pictures.
        spec: The network.
    """
    import torch

    is_head = request.part is not None and request.part in HEADS
    shape = regions_shape(spec, request.part) if is_head and request.part else (*size, 3)
    # No engine takes uint8: see losszero_rt.engine.engine_program.
    return torch.zeros(request.batch, *shape, dtype=dtype_of(request), device=request.device)


def dtype_of(request: EngineRequest) -> "torch.dtype":
    """Return the number format of a graph; eight bits are rounded to within half."""
    import torch

    return torch.float32 if request.precision == "fp32" else torch.float16


def build(request: EngineRequest) -> EngineFacts:
    """Build one engine in this process and write it; see :func:`build_in_child`.

    Raises:
        ModelError: If the graph did not become exactly one engine, or its arithmetic is not the
            one asked for.
    """
    from losszero_rt.bundle import Bundle

    if request.precision in QUANTISED:
        # Before the compiler, which only learns of quantised layers where it finds this.
        import_modelopt()
    import torch
    import torch_tensorrt

    bundle = Bundle.open(Path(request.bundle))
    graph = deployed_graph(bundle, request).to(request.device)
    if request.precision in QUANTISED:
        graph = quantise(
            graph,
            spec=bundle.input_spec,
            precision=request.precision,
            inputs_NHWC=calibration_inputs(request, spec=bundle.input_spec),
        )
    with exporting(request.precision):
        example = example_for(request, size=bundle.input_spec.size, spec=bundle.network_spec)
        program = exported_with(graph, example)
    # What is built for another GPU than the current one is built for the current one all the same.
    with tempfile.TemporaryDirectory() as folder, current(request.device):
        # Only inside the debugger does the engine carry the types of its layers.
        debugger = torch_tensorrt.dynamo.Debugger(
            log_level="warning",
            engine_builder_monitor=False,
            save_layer_info=True,
            logging_dir=folder,
        )
        timings = lent_timings(Path(folder), place=place_of(request))
        with hardtanh_kept(), timings as timing_cache, debugger:
            compiled = torch_tensorrt.dynamo.compile(
                program,
                arg_inputs=[example],
                device=torch.device(request.device),
                **compile_settings(request, timing_cache=timing_cache),
            )
        layers = json.loads((Path(folder) / LAYER_INFO_NAME).read_text())["Layers"]
    check_single_engine([name for name, _ in compiled.named_children()])
    cams_size = None if request.part else cams_size_of(program)
    facts = _facts(layers, request, cams_size=cams_size)
    if facts.precision_found != request.precision:
        raise ModelError(
            f"{request.precision} was asked for, the engine's layers run in "
            f"{facts.precision_found} ({facts.half_share:.0%} half)",
            accepted="an engine whose convolutions and matrix products all run as asked",
        )
    torch_tensorrt.save(compiled, request.out, arg_inputs=[example], **save_settings())
    return facts


def place_of(request: EngineRequest) -> str:
    """Return what timings of kernels hold for: a GPU and a version of TensorRT."""
    import tensorrt
    import torch

    return f"{torch.cuda.get_device_name(request.device)} {tensorrt.__version__}"


def deployed_graph(bundle: "Bundle", request: EngineRequest) -> "nn.Module":
    """Return the graph of a bundle's network that is compiled, in evaluation mode."""
    from export.deployed import DeployedGraph, merge_normalisation
    from export.split_graphs import part_of
    from losszero_rt.engine.eager_engine import load_bundle_network

    network = load_bundle_network(bundle)
    merge_normalisation(network, size=bundle.input_spec.size)
    set_attention(network, request.attention)
    whole = request.part is None
    if request.part is not None:
        network = part_of(network, request.part)
    if request.part in HEADS:
        return network.to(dtype_of(request))
    return DeployedGraph(
        network,
        spec=bundle.input_spec,
        labels_size=bundle.labels_size,
        dtype=dtype_of(request),
        # What a trunk gives is left as it is.
        ending=request.ending if whole else "logits",
        cams=request.cams and whole and request.ending == "labels",
    ).eval()


def cams_size_of(program: "torch.export.ExportedProgram") -> tuple[int, int] | None:
    """Return (height, width) of the class activation maps of a graph; None if it gives none."""
    outputs = next(node for node in program.graph.nodes if node.op == "output").args[0]
    if len(outputs) == 1:
        return None
    height, width = outputs[1].meta["val"].shape[2:]
    return int(height), int(width)


def check_single_engine(children: list[str]) -> None:
    """Raise ModelError unless the compiled module is one engine and nothing else.

    Args:
        children: Names of the compiled module's children.
    """
    engines = [name for name in children if "_run_on_acc" in name]
    torch_parts = [name for name in children if "_run_on_gpu" in name]
    if len(engines) != 1 or torch_parts:
        raise ModelError(
            f"the network became {len(engines)} engines and {len(torch_parts)} torch parts",
            accepted="exactly one engine",
            remedy="run the plan tests: python -m pytest -m trt_plan",
        )


def _facts(
    layers: list[Any], request: EngineRequest, *, cams_size: tuple[int, int] | None
) -> EngineFacts:
    import tensorrt
    import torch
    import torch_tensorrt

    precision, half_share = precision_of(layers)
    return EngineFacts(
        precision_found=precision,
        half_share=round(half_share, 4),
        num_layers=len(layers),
        gpu=torch.cuda.get_device_name(request.device),
        compute_capability=torch.cuda.get_device_capability(request.device),
        driver=driver_version(),
        versions={
            "torch": str(torch.__version__),
            "torch_tensorrt": str(torch_tensorrt.__version__),
            "tensorrt": str(tensorrt.__version__),
        },
        attention_fused=any("attention" in str(layer).lower() for layer in layers),
        cams_size=cams_size,
    )


def build_in_child(request: EngineRequest) -> EngineFacts:
    """Build one engine in a process of its own.

    Raises:
        ModelError: If the child failed; its last line says why. Nothing is left at ``out``.
    """
    try:
        record = run_child("export.compile_tensorrt", asdict(request), timeout_s=BUILD_TIMEOUT_S)
    except ChildError as error:
        Path(request.out).unlink(missing_ok=True)
        raise ModelError(
            f"the TensorRT engine was not built: {error.why}",
            accepted="an NVIDIA GPU with torch-tensorrt 2.14 and TensorRT 11.1",
            remedy=error.remedy or "pip install -e '.[tensorrt]', or export with --engine openvino",
        ) from error
    for name in ("compute_capability", "cams_size"):
        record[name] = record[name] and tuple(record[name])
    return EngineFacts(**record)


if __name__ == "__main__":
    serve(lambda request: asdict(build(EngineRequest(**request))))
