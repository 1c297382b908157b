"""What else is timed on a GPU: maps beside the labels, and frames made inputs of there or here."""

from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bench_stages import stream_through
from benchmarks.record import Claim
from losszero_rt.bundle import Bundle
from losszero_rt.engine import Engine, EngineOptions, PlanesEngine, Ticket, open_engine
from losszero_rt.frame import Frame
from losszero_rt.timings import now_s

DEPTH = 4
ROUNDS = 5
MAPS_SHARE_MIN = 0.9


def rate_of(engine: Engine, inputs_NHWC: np.ndarray) -> float:
    """Return frames a second with several submissions under way."""
    start_s = now_s()
    stream_through(engine, inputs_NHWC, depth=DEPTH)
    return len(inputs_NHWC) / (now_s() - start_s)


def maps_rates(bundle: Bundle, inputs_NHWC: np.ndarray) -> dict[str, float]:
    """Time an engine with and without a class that is watched, taking turns."""
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions(num_requests=DEPTH))
    rates: dict[int | None, list[float]] = {None: [], 0: []}
    for _ in range(ROUNDS):
        for class_id, found in rates.items():
            engine.watch(class_id)
            found.append(rate_of(engine, inputs_NHWC))
    engine.close()
    without, watched = median(rates[None]), median(rates[0])
    return {
        "fps": round(without, 1),
        "fps_watched": round(watched, 1),
        "share": round(watched / without, 3),
    }


def input_rates(bundle: Bundle, frames: Sequence[Frame]) -> dict[str, float]:
    """Time frames that become inputs on the processor, and on the GPU, taking turns."""
    engine = open_engine(bundle, name="tensorrt", options=EngineOptions(num_requests=DEPTH))
    rates: dict[str, list[float]] = {"processor": [], "gpu": []}
    for _ in range(ROUNDS):
        for where, found in rates.items():
            start_s = now_s()
            _run(engine, frames, bundle=bundle, on_gpu=where == "gpu")
            found.append(len(frames) / (now_s() - start_s))
    engine.close()
    return {where: round(median(found), 1) for where, found in rates.items()}


def _run(engine: Engine, frames: Sequence[Frame], *, bundle: Bundle, on_gpu: bool) -> None:
    assert isinstance(engine, PlanesEngine), "TensorRT engines take planes"
    waiting: deque[Ticket] = deque()
    inputs_NHWC = bundle.input_spec.new_input()[None]
    for frame in frames:
        if len(waiting) == DEPTH:
            waiting.popleft().result()
        if on_gpu:
            waiting.append(engine.submit_planes([frame.planes]))
        else:
            bundle.input_spec.fill(frame.planes, inputs_NHWC[0])
            waiting.append(engine.submit(inputs_NHWC))
    for ticket in waiting:
        ticket.result()


def extra_claims(figures: dict[str, Any]) -> list[Claim]:
    """Return what maps may cost, and where inputs are made faster."""
    what = "TensorRT, frames a second with a class watched, of those without"
    share = figures["maps"]["share"]
    claims = [Claim(what=what, value=share, unit="x", limit=MAPS_SHARE_MIN)]
    for where, fps in figures["inputs_made_by"].items():
        claims.append(Claim(what=f"planes to labels, inputs by the {where}", value=fps, unit="fps"))
    return claims
