"""What single stages cost: the engine in every precision, and each part of the overlay.

Run: python -m benchmarks.bench_stages
"""

import sys
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import cv2
import numpy as np

from benchmarks.clips import drawn_clip
from benchmarks.options import Options
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import HUD_LINE, find_labels, find_shares, make_inputs, read_frames, spent
from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.cores import num_cores
from losszero_rt.engine import Engine, EngineOptions, Precision, Ticket
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.engine.openvino_graphs import offered_precisions
from losszero_rt.frame import Frame, Planes, VideoInfo
from losszero_rt.overlay import Blender, Hud, Legend, class_shares

NUM_FRAMES, QUICK_FRAMES = 60, 3
NUM_REQUESTS = 4

Costs = dict[str, list[float]]


def measure(options: Options) -> Outcome:
    """Measure engine and overlay on frames of one clip."""
    cv2.setNumThreads(1)
    bundle = find_bundle(options.model, allow_unverified=True)
    num_frames = QUICK_FRAMES if options.quick else NUM_FRAMES
    info, frames = read_frames(drawn_clip(options), num_frames=num_frames)
    inputs_NHWC = make_inputs(bundle, frames)
    engine = engine_costs(bundle, inputs_NHWC, rounds=options.rounds)
    overlay = overlay_costs(bundle, info, frames, inputs_NHWC, rounds=options.rounds)
    claims = [
        Claim(what=f"engine {name}, one thread", value=cost["one_thread_ms"], unit="ms a frame")
        for name, cost in engine.items()
    ]
    for part, value in overlay.items():
        what = f"{part} at {info.size[1]}x{info.size[0]}, processor time"
        claims.append(Claim(what=what, value=value, unit="ms a frame"))
    figures = {"num_frames": len(frames), "size": list(info.size), "network": bundle.network}
    figures |= {"input_size": list(bundle.input_spec.size), "engine": engine, "overlay_ms": overlay}
    return Outcome(claims=tuple(claims), figures=figures)


def engine_costs(
    bundle: Bundle, inputs_NHWC: np.ndarray, *, rounds: int
) -> dict[str, dict[str, Any]]:
    """Return costs by precision: one thread alone, and one stream a core; rounds interleaved."""
    runs: dict[str, Costs] = {p: defaultdict(list) for p in offered_precisions(bundle)}
    executed: dict[str, str] = {}
    for _ in range(rounds):
        for precision in offered_precisions(bundle):
            executed[precision] = _measure_engine(
                bundle, inputs_NHWC, precision=precision, costs=runs[precision]
            )
    return {
        name: {
            "executed": executed[name],
            **{key: round(median(values), 3) for key, values in costs.items()},
        }
        for name, costs in runs.items()
    }


def _measure_engine(
    bundle: Bundle, inputs_NHWC: np.ndarray, *, precision: Precision, costs: Costs
) -> str:
    """Add the costs of one precision, milliseconds a frame; return the executed precision."""
    per_ms = 1e3 / len(inputs_NHWC)
    one = EngineOptions(precision=precision, threads=1, num_requests=1)
    streams = min(num_cores(), NUM_REQUESTS)
    every = EngineOptions(
        precision=precision, threads=num_cores(), streams=streams, num_requests=NUM_REQUESTS
    )
    for name, settings in (("one_thread", one), ("streams", every)):
        engine = OpenVinoEngine(bundle, options=settings)
        stream_through(engine, inputs_NHWC[:2], depth=1)
        with spent() as cost:
            stream_through(engine, inputs_NHWC, depth=settings.num_requests)
        executed = engine.info.precision
        engine.close()
        costs[f"{name}_ms"].append(cost.wall_s * per_ms)
        costs[f"{name}_cpu_ms"].append(cost.cpu_s * per_ms)
    return executed


def stream_through(engine: Engine, inputs_NHWC: np.ndarray, *, depth: int) -> None:
    """Send inputs through an engine with ``depth`` submissions under way."""
    waiting: deque[Ticket] = deque()
    for k in range(len(inputs_NHWC)):
        if len(waiting) == depth:
            waiting.popleft().result()
        waiting.append(engine.submit(inputs_NHWC[k : k + 1]))
    while waiting:
        waiting.popleft().result()


def overlay_costs(
    bundle: Bundle,
    info: VideoInfo,
    frames: list[Frame],
    inputs_NHWC: np.ndarray,
    *,
    rounds: int,
) -> dict[str, float]:
    """Return the processor milliseconds a frame of every part of the overlay, and of resizing."""
    engine = OpenVinoEngine(bundle, options=EngineOptions())
    labels = find_labels(engine, inputs_NHWC)
    engine.close()
    classmap, num_classes = bundle.classmap, bundle.classmap.num_classes
    shares = find_shares(labels, num_classes=num_classes)
    tone: dict[str, Any] = {"matrix": info.matrix, "full_range": info.full_range}
    blender = Blender(classmap=classmap, size=info.size, **tone)
    legend, hud = Legend(classmap, size=info.size, **tone), Hud(info.size, **tone)
    canvas = blank_canvas(info)
    parts: dict[str, Callable[[int], object]] = {
        "resize": lambda k: bundle.input_spec.fill(frames[k].planes, inputs_NHWC[k]),
        "shares": lambda k: class_shares(labels[k], num_classes=num_classes),
        "blend": lambda k: blender.draw(frames[k].planes, labels=labels[k], canvas=canvas),
        "legend": lambda k: legend.draw(canvas, shares=shares[k]),
        "hud": lambda k: hud.draw(canvas, line=HUD_LINE),
    }
    costs: Costs = defaultdict(list)
    for _ in range(rounds):
        for name, part in parts.items():
            with spent() as cost:
                for k in range(len(frames)):
                    part(k)
            costs[name].append(cost.cpu_s * 1e3 / len(frames))
    return {name: round(median(values), 3) for name, values in costs.items()}


def blank_canvas(info: VideoInfo) -> Planes:
    """Return planes of a source's size, 4:2:0, to paint into."""
    height, width = info.size
    chroma = (height // 2, width // 2)
    y, u, v = (np.zeros(size, np.uint8) for size in ((height, width), chroma, chroma))
    return Planes(y=y, u=u, v=v, matrix=info.matrix, full_range=info.full_range)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("stages", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
