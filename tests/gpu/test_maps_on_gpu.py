"""Class activation maps of engines: those of the network, switched while running, nearly free."""

from collections.abc import Callable, Iterator
from statistics import median

import numpy as np
import pytest

from benchmarks.gpu_extras import DEPTH, ROUNDS, rate_of
from export.cam_parity import lowest_correlation, true_maps
from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions, open_engine
from tests.gpu.bundles import ride_inputs

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(1800)]

NUM_FRAMES = 20
CORRELATION_MIN = 0.995
FPS_SHARE_MIN = 0.9


@pytest.fixture(scope="module")
def engine(shipped: Bundle) -> Iterator[Engine]:
    """The engine for one frame, four of them under way."""
    opened = open_engine(shipped, name="tensorrt", options=EngineOptions(num_requests=DEPTH))
    yield opened
    opened.close()


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_maps_are_those_of_the_network(shipped: Bundle, batch: int) -> None:
    opened = open_engine(shipped, name="tensorrt", options=EngineOptions(batch=batch))
    inputs_NHWC = ride_inputs(shipped, num=NUM_FRAMES)
    truth = true_maps(shipped, inputs_NHWC)
    assert lowest_correlation(opened, inputs_NHWC, truth=truth) >= CORRELATION_MIN
    opened.close()


def test_the_class_may_change_with_submissions_under_way(shipped: Bundle, engine: Engine) -> None:
    inputs_NHWC = ride_inputs(shipped, num=3)
    alone = []
    for class_id in range(3):
        engine.watch(class_id)
        ticket = engine.submit(inputs_NHWC[class_id : class_id + 1])
        alone.append((ticket.result(), ticket.extras.cams_NHW))
    tickets = []
    for class_id in range(3):
        engine.watch(class_id)
        tickets.append(engine.submit(inputs_NHWC[class_id : class_id + 1]))
    engine.watch(None)
    silent = engine.submit(inputs_NHWC[:1])
    for (labels_NHW, cams_NHW), ticket in zip(alone, tickets, strict=True):
        assert cams_NHW is not None
        np.testing.assert_array_equal(ticket.result(), labels_NHW)
        assert ticket.extras.cams_NHW is not None
        np.testing.assert_array_equal(ticket.extras.cams_NHW, cams_NHW)
    np.testing.assert_array_equal(silent.result(), alone[0][0])
    assert silent.extras.cams_NHW is None


def test_watching_a_class_costs_hardly_anything(
    shipped: Bundle, engine: Engine, record_property: Callable[[str, object], None]
) -> None:
    inputs_NHWC = ride_inputs(shipped, num=100)
    rates: dict[int | None, list[float]] = {None: [], 1: []}
    for _ in range(ROUNDS):
        for class_id, found in rates.items():
            engine.watch(class_id)
            found.append(rate_of(engine, inputs_NHWC))
    engine.watch(None)
    share = median(rates[1]) / median(rates[None])
    record_property("fps_with_maps_share", round(share, 3))
    assert share >= FPS_SHARE_MIN, rates
