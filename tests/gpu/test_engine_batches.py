"""Batch sizes: one static engine each, and what a dynamic one would do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from export.compile_tensorrt import compile_settings, hardtanh_kept
from export.deployed import DeployedGraph, merge_normalisation
from export.engine_request import EngineRequest
from losszero_rt.bundle import Bundle
from losszero_rt.engine import EngineOptions, open_engine
from losszero_rt.engine.eager_engine import load_bundle_network
from losszero_rt.engine.tensorrt_engine import TensorRtEngine, import_tensorrt
from losszero_rt.errors import ModelError
from losszero_rt.network import upsample_logits
from tests.gpu.bundles import ride_inputs, write_family

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

BATCHES = (1, 2, 8)
AGREEMENT_MIN = 0.995


@pytest.mark.parametrize("batch", BATCHES)
def test_every_batch_size_gives_the_labels_of_single_frames(shipped: Bundle, batch: int) -> None:
    frames = ride_inputs(shipped, num=batch)
    single = open_engine(shipped, name="tensorrt", options=EngineOptions())
    alone = np.concatenate([single.submit(frames[k : k + 1]).result() for k in range(batch)])
    single.close()
    engine = open_engine(shipped, name="tensorrt", options=EngineOptions(batch=batch))
    together = engine.submit(frames).result()
    engine.close()
    assert (together == alone).mean() >= AGREEMENT_MIN


def test_a_batch_without_an_engine_is_refused(shipped: Bundle) -> None:
    with pytest.raises(ModelError, match=r"batch of 9. batches here: 1, 2, 8"):
        TensorRtEngine(shipped, options=EngineOptions(batch=9))


class HalfIn(nn.Module):
    """A deployed graph whose input was cast outside, as a dynamic engine needs it."""

    def __init__(self, graph: DeployedGraph) -> None:
        super().__init__()
        self.deployed = graph

    def forward(self, values_NHWC: torch.Tensor) -> torch.Tensor:
        inner = self.deployed
        values_NCHW = values_NHWC.permute(0, 3, 1, 2).contiguous()
        logits_NChw = inner.network((values_NCHW - inner.mean) * inner.gain)
        return upsample_logits(logits_NChw, inner.labels_size).argmax(1).to(torch.int32)


def compile_dynamic(
    graph: nn.Module, *, size: tuple[int, int], dtype: torch.dtype, cache: Path
) -> Any:
    """Compile a graph for batches of 1 to 8; the best one is 8."""
    library = import_tensorrt()
    example = torch.zeros(8, *size, 3, dtype=dtype, device="cuda")
    batch = torch.export.Dim("batch", min=1, max=8)
    with torch.no_grad():
        program = torch.export.export(
            graph.eval().cuda(), (example,), dynamic_shapes=({0: batch},), strict=False
        )
    shapes = {f"{name}_shape": (n, *size, 3) for name, n in (("min", 1), ("opt", 8), ("max", 8))}
    given = library.Input(profiles=[shapes], dtype=dtype)
    request = EngineRequest(bundle="", out="", batch=8)
    settings = compile_settings(request, timing_cache=cache / "timing.bin")
    with hardtanh_kept():
        return library.dynamo.compile(
            program, arg_inputs=[given], device=torch.device("cuda", 0), **settings
        )


@pytest.fixture
def graph(tmp_path: Path) -> DeployedGraph:
    """The graph of an FPN, which reads its own batch size."""
    bundle = write_family(tmp_path / "fpn", name="fpn")
    network = load_bundle_network(bundle)
    merge_normalisation(network, size=bundle.input_spec.size)
    return DeployedGraph(network, spec=bundle.input_spec, labels_size=bundle.labels_size)


def test_a_dynamic_engine_takes_what_its_profile_says(graph: DeployedGraph, tmp_path: Path) -> None:
    size = graph.labels_size
    compiled = compile_dynamic(HalfIn(graph), size=size, dtype=torch.float16, cache=tmp_path)
    values = torch.randint(0, 256, (9, *size, 3), device="cuda").half()
    for num in BATCHES:
        assert compiled(values[:num]).shape == (num, *size)
    with pytest.raises(Exception, match=r".+"):
        compiled(values)


def test_settles_whether_a_dynamic_engine_may_read_its_shape_from_uint8(
    graph: DeployedGraph, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    # Not known without a GPU; static engines do not depend on the answer.
    try:
        compile_dynamic(graph, size=graph.labels_size, dtype=torch.uint8, cache=tmp_path)
        record_property("shape_layer_on_uint8", "builds")
    except Exception as error:
        record_property("shape_layer_on_uint8", f"refused: {str(error)[:200]}")
