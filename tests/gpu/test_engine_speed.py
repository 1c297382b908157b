"""What TensorRT is for: a frame in less time than torch's own compiler needs."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from benchmarks.gpu_rows import compiled_labels, host_ms
from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions, open_engine
from tests.gpu.bundles import ride_inputs

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

# Of the median of torch.compile in fp16, channels last; no more than it at the tail.
P50_SHARE_MAX = 0.7
P99_SHARE_MAX = 1.0


@pytest.fixture(scope="module")
def engine(shipped: Bundle) -> Iterator[Engine]:
    """The engine for one frame."""
    opened = open_engine(shipped, name="tensorrt", options=EngineOptions())
    yield opened
    opened.close()


def test_one_frame_takes_less_than_with_torch_compile(
    shipped: Bundle, engine: Engine, record_property: Callable[[str, object], None]
) -> None:
    frames = ride_inputs(shipped, num=50)
    torch_labels = compiled_labels(shipped, device=torch.device("cuda", 0))
    ours = host_ms(lambda inputs: engine.submit(inputs).result(), frames)
    theirs = host_ms(torch_labels, frames)
    figures = {
        f"{name}_p{q}_ms": round(float(np.percentile(found, q)), 3)
        for name, found in (("tensorrt", ours), ("torch_compile", theirs))
        for q in (50, 99)
    }
    for name, value in figures.items():
        record_property(name, value)
    assert figures["tensorrt_p50_ms"] <= P50_SHARE_MAX * figures["torch_compile_p50_ms"], figures
    assert figures["tensorrt_p99_ms"] <= P99_SHARE_MAX * figures["torch_compile_p99_ms"], figures
