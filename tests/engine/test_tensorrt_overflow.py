"""Overflows in a TensorRT engine, over doubles of the library and the GPU."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from losszero_rt.errors import NotFiniteError
from tests.bundles import SIZE, draw_inputs
from tests.engine.tensorrt_double import TOO_MUCH, without_gpu, write_engines
from tests.engine.test_tensorrt_engine import open_one

pytestmark = pytest.mark.skipif(
    find_spec("torch_tensorrt") is not None, reason="the real library is here: tests/gpu runs it"
)


@pytest.fixture(autouse=True)
def doubles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with without_gpu(monkeypatch, cache_folder=tmp_path / "cache"):
        yield


@pytest.mark.parametrize("watched", [None, 1])
def test_an_overflow_ends_the_submission_and_no_other(tmp_path: Path, watched: int | None) -> None:
    engine = open_one(write_engines(tmp_path / "maps", cams=True), batch=3)
    engine.watch(watched)
    inputs_NHWC = draw_inputs(3)
    bad_NHWC = inputs_NHWC.copy()
    bad_NHWC[1] = TOO_MUCH
    tickets = [engine.submit(one) for one in (inputs_NHWC, bad_NHWC, inputs_NHWC)]
    assert tickets[0].result().shape == (3, *SIZE)
    with pytest.raises(NotFiniteError, match=r"the tensorrt engine overflows in fp32"):
        tickets[1].result()
    assert tickets[2].result().shape == (3, *SIZE)
    assert engine.submit(bad_NHWC[:1]).result().shape == (1, *SIZE)


def test_an_overflow_that_nobody_wants_to_hear_of_gives_labels(tmp_path: Path) -> None:
    bundle = write_engines(tmp_path / "maps", cams=True, batches=(1,))
    engine = open_one(bundle, check_logits=False)
    inputs_NHWC = np.full((1, *SIZE, 3), TOO_MUCH, np.uint8)
    assert (engine.submit(inputs_NHWC).result() == 1).all()


def test_what_only_the_padding_overflows_is_no_matter(tmp_path: Path) -> None:
    engine = open_one(write_engines(tmp_path / "maps", cams=True), batch=3, num_requests=1)
    inputs_NHWC = draw_inputs(3)
    inputs_NHWC[2] = TOO_MUCH
    for _ in range(3):
        with pytest.raises(NotFiniteError):
            engine.submit(inputs_NHWC).result()
    # Every slot holds a frame too many now, behind those that are asked for.
    for _ in range(3):
        assert engine.submit(inputs_NHWC[:2]).result().shape == (2, *SIZE)
