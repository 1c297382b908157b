"""From a network to an ONNX file for others: one file, any number of pictures, labels and logits.

The file says what it is: classes, preprocessing (which is inside the graph), source and opset are
in its metadata. Nothing of it lies outside of it.

Shape letters: N pictures, C classes, H, W height and width, h, w the decoder's.
"""

import copy
import json
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from export.attention import set_attention
from export.deployed import merge_normalisation
from export.trace import LogitsGraph
from losszero_rt.bundle import Bundle
from losszero_rt.errors import ModelError
from losszero_rt.network import upsample_logits
from losszero_rt.preprocess import STRETCH_TOLERANCE

if TYPE_CHECKING:
    import onnx

# Old enough for runtimes of the last three years, new enough for every operator used.
OPSET = 18
ONNX_NAME = "model.onnx"
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class PortableGraph(nn.Module):
    """A network from uint8 (N, H, W, 3) to uint8 labels (N, H, W) and logits (N, C, h, w).

    Args:
        graph: Gives the logits.
        labels_size: (H, W) of the labels.
    """

    def __init__(self, graph: LogitsGraph, *, labels_size: tuple[int, int]) -> None:
        super().__init__()
        self.inner = graph
        self.labels_size = labels_size

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return labels and logits of uint8 pictures."""
        logits_NChw = self.inner(pixels)
        labels_NHW = upsample_logits(logits_NChw, self.labels_size).argmax(1).to(torch.uint8)
        return labels_NHW, logits_NChw


def why_not() -> str:
    """Say why no ONNX file can be written and proved here; empty when it can."""
    absent = [name for name in PACKAGES if not find_spec(name)]
    return f"{', '.join(absent)} absent: pip install -e '.[export]'" if absent else ""


def save_portable(graph: LogitsGraph, bundle: Bundle) -> dict[str, str]:
    """Write the ONNX file of a bundle into its folder; return files by role.

    Args:
        graph: The bundle's network, its normalisations folded and kernels rounded; stays as it is.
        bundle: What the file says of itself, and where it goes.

    Raises:
        ModelError: If the network has no static graph with any number of pictures.
    """
    inner = copy.deepcopy(graph)
    merge_normalisation(inner.network, size=bundle.input_spec.size)
    # The converter's fused attention takes heads on a side of their own, and SAM's has them not.
    set_attention(inner.network, "plain")
    model = _convert(PortableGraph(inner, labels_size=bundle.labels_size).eval(), bundle)
    _halve_constants(model)
    _forget_where(model)
    _describe(model, bundle)
    check_whole(model)
    (bundle.path / ONNX_NAME).write_bytes(model.SerializeToString())
    return {"graph": ONNX_NAME}


def _convert(graph: PortableGraph, bundle: Bundle) -> "onnx.ModelProto":
    example = torch.zeros(2, *bundle.input_spec.size, 3, dtype=torch.uint8)
    # The converter tells its whole life: what is wrong comes as an exception.
    quiet = logging.getLogger("torch.onnx"), logging.getLogger("onnxscript")
    levels = [logger.level for logger in quiet]
    for logger in quiet:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                input_names=["pixels"],
                output_names=["labels", "logits"],
                dynamic_shapes={"pixels": {0: "batch"}},
                verbose=False,
            )
    except Exception as error:
        raise ModelError(
            f"{bundle.network_spec.architecture} has no ONNX graph: {_first_line(_root(error))}",
            accepted="networks that torch.export takes with any number of pictures",
            remedy="--no-portable, with another engine than onnx",
        ) from error
    finally:
        for logger, level in zip(quiet, levels, strict=True):
            logger.setLevel(level)
    assert program is not None, "dynamo=True returns a program"
    model: onnx.ModelProto = program.model_proto
    return model


def _halve_constants(model: "onnx.ModelProto") -> None:
    """Store float32 constants in fp16 if every value survives; runtimes undo it on loading."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for constant in model.graph.initializer:
        if constant.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(constant)
        with np.errstate(over="ignore"):
            halved = values.astype(np.float16)
        if values.size > 1 and np.array_equal(halved.astype(np.float32), values):
            name = constant.name
            constant.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
            casts.append(helper.make_node("Cast", [constant.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _forget_where(model: "onnx.ModelProto") -> None:
    """Take out what the converter says of every part: paths and lines of the exporting machine."""
    for part in (*_parts_of(model.graph), *model.functions):
        del part.metadata_props[:]
        part.doc_string = ""
    for function in model.functions:
        for part in (*_nodes_with_branches(function.node), *function.value_info):
            del part.metadata_props[:]
            part.doc_string = ""


def _parts_of(graph: "onnx.GraphProto") -> Iterator[Any]:
    """Yield a graph and all that it holds, branches of its nodes among it."""
    yield graph
    yield from (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    yield from _nodes_with_branches(graph.node)


def _nodes_with_branches(nodes: "Iterable[onnx.NodeProto]") -> Iterator[Any]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            # Asked first: touching one that is not there would make it.
            own = (attribute.g,) if attribute.HasField("g") else ()
            for branch in (*own, *attribute.graphs):
                yield from _parts_of(branch)


def _describe(model: "onnx.ModelProto", bundle: Bundle) -> None:
    from onnx import helper

    model.producer_name = "losszero-rt"
    model.producer_version = bundle.versions["losszero_rt"]
    model.graph.name = bundle.name
    del model.metadata_props[:]
    helper.set_model_props(model, metadata_of(bundle))


def metadata_of(bundle: Bundle) -> dict[str, str]:
    """Return what the ONNX file of a bundle says of itself, every value a text."""
    spec = bundle.input_spec
    return {
        "name": bundle.name,
        "classes": json.dumps(list(bundle.classmap.names)),
        "colours": json.dumps([list(colour) for colour in bundle.classmap.colours]),
        "background_id": json.dumps(bundle.classmap.background_id),
        "ignored_id": json.dumps(bundle.classmap.ignored_id),
        "preprocessing": json.dumps(
            {
                "size": list(spec.size),
                "layout": "NHWC",
                "dtype": "uint8",
                "channels": spec.channels,
                "resize": "the whole picture, averaged down; stretched where its shape is off by "
                f"at most {STRETCH_TOLERANCE:.0%}, else centred between black bars",
                "mean": list(spec.mean),
                "std": list(spec.std),
                "normalised": "inside the graph",
            }
        ),
        "outputs": "labels: uint8 class ids at input size; logits: float32 at the decoder's stride",
        "opset": str(OPSET),
        "source_sha256": bundle.source_sha256,
        "licence": bundle.licence,
        "attribution": bundle.attribution,
    }


def read_portable(content: bytes) -> "onnx.ModelProto":
    """Parse an ONNX file, and check that nothing of it lies elsewhere.

    Raises:
        ModelError: If it is no valid ONNX file, or names other files.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(content)
        check_whole(model)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise ModelError(
            f"this is no valid ONNX file: {_first_line(error)}",
            accepted="files written by python -m export --engine onnx",
        ) from error
    return model


def check_whole(model: "onnx.ModelProto") -> None:
    """Check that all constants of a graph are inside its file.

    Raises:
        ModelError: If some lie in other files, wherever these may be.
    """
    from onnx.external_data_helper import uses_external_data

    for tensor in _tensors(model.graph):
        if uses_external_data(tensor):
            places: Mapping[str, str] = {pair.key: pair.value for pair in tensor.external_data}
            raise ModelError(
                f"the ONNX file keeps {tensor.name!r} in another file, {places.get('location')!r}",
                accepted="a single file with everything inside",
                remedy="export it again: python -m export --engine onnx",
            )


def _tensors(graph: "onnx.GraphProto") -> "Iterator[onnx.TensorProto]":
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            for inner in (attribute.g, *attribute.graphs):
                yield from _tensors(inner)


def _root(error: BaseException) -> BaseException:
    """Return what an error comes from: the converter wraps it several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
