"""Live: whether ages stay flat when the model cannot keep up, and what is shown when it can.

Run: python -m benchmarks.bench_live [--minutes 10]
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np

from benchmarks.bench_stages import blank_canvas
from benchmarks.options import Options
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import default_painter
from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.engine import Engine, EngineOptions
from losszero_rt.engine.eager_engine import EagerEngine
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.frame import Cargo, Frame, LostFrame, Planes, VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.objects import Objects
from losszero_rt.pipeline.flow import LIVE_REQUESTS, Flow, captured_at_s
from losszero_rt.pipeline.memory import frame_bytes
from losszero_rt.pipeline.outlets import StageTimes
from losszero_rt.pipeline.painter import LiveLine
from losszero_rt.pipeline.pipeline import Pipeline
from losszero_rt.pipeline.report import Meter
from losszero_rt.timings import STAGES, Percentiles, now_s
from losszero_rt.video.addresses import parse_address
from losszero_rt.video.live import LiveSource
from losszero_rt.video.live_options import LiveOptions

FPS = 30
SLOW_SIZE = (360, 640)
KEPT_SIZES = ((360, 640), (720, 1280))
MINUTES, MINUTE_S, QUICK_MINUTE_S = 10, 60.0, 1.5
MAX_GROWTH = 1.2
MIN_SHOWN_PERCENT = 99.0
MAX_AGE_RATIO = 2.0


def measure(options: Options, *, minutes: int) -> Outcome:
    """Measure both; a quick minute is short."""
    cv2.setNumThreads(1)
    bundle = find_bundle(options.model, allow_unverified=True)
    minute_s = QUICK_MINUTE_S if options.quick else MINUTE_S
    ages = age_by_minute(bundle, minutes=2 if options.quick else minutes, minute_s=minute_s)
    flat = ages["p99_ms"] / ages["p99_ms_by_minute"][0]
    claims = [
        flat_claim(flat, slowness=ages["slowness"]),
        Claim(what="eager fp32: p99 age", value=ages["p99_ms"], unit="ms"),
        Claim(what="eager fp32: slower than the stream", value=ages["slowness"], unit="times"),
    ]
    kept = {}
    for size in KEPT_SIZES:
        name = f"{size[1]}x{size[0]} at {FPS}"
        kept[name] = keep_up(bundle, size=size, seconds=minute_s)
        claims += kept_claims(name, kept[name], is_limit=size == KEPT_SIZES[0])
    return Outcome(claims=tuple(claims), figures={"slow": ages, "keeping_up": kept})


def flat_claim(flat: float, *, slowness: float) -> Claim:
    """Return the claim, which says nothing where the network keeps up with the stream."""
    keeps_up = slowness <= 1
    return Claim(
        what="eager fp32: p99 age of all minutes / of the first",
        value=None if keeps_up else flat,
        unit="",
        bound="at most",
        limit=MAX_GROWTH,
        absent="the eager network keeps up with the stream here" if keeps_up else "",
    )


def kept_claims(name: str, kept: dict[str, Any], *, is_limit: bool) -> list[Claim]:
    """Return what a model that keeps up must reach, and the age itself."""
    return [
        Claim(
            what=f"{name}: frames shown",
            value=kept["shown_percent"],
            unit="%",
            limit=MIN_SHOWN_PERCENT if is_limit else None,
        ),
        Claim(
            what=f"{name}: capture to overlay, p99 / sum of the stages' medians",
            value=kept["age_ms"]["p99"] / kept["stages_ms"],
            unit="",
            bound="at most",
            limit=MAX_AGE_RATIO,
        ),
        Claim(what=f"{name}: capture to overlay, p99", value=kept["age_ms"]["p99"], unit="ms"),
    ]


def age_by_minute(bundle: Bundle, *, minutes: int, minute_s: float) -> dict[str, Any]:
    """Return the ages of a stream whose frames come faster than they are computed.

    The network runs eagerly in fp32 on every core, which decoding and drawing need as well.
    """
    engine = EagerEngine(bundle, options=EngineOptions(precision="fp32"))
    try:
        witness, ledger, meter = stream(
            engine, bundle=bundle, size=SLOW_SIZE, seconds=minutes * minute_s
        )
    finally:
        engine.close()
    infer_ms = meter.stages.as_dict(skip=meter.num_warmup)["infer"]["p50"]
    numbers = ((np.array(witness.times_s) - witness.times_s[0]) // minute_s).astype(int)
    ages_ms = np.array(witness.ages_ms)
    return {
        "infer_ms": infer_ms,
        "slowness": round(infer_ms * FPS / 1e3, 2),
        "minute_s": minute_s,
        "p99_ms": Percentiles.of(ages_ms).p99,
        "p99_ms_by_minute": [
            Percentiles.of(ages_ms[numbers == minute]).p99 for minute in range(minutes)
        ],
        "frames": ledger.as_dict(),
    }


def keep_up(bundle: Bundle, *, size: tuple[int, int], seconds: float) -> dict[str, Any]:
    """Return the share shown and the ages with the real model on every core."""
    engine = OpenVinoEngine(bundle, options=EngineOptions(num_requests=LIVE_REQUESTS))
    try:
        _, ledger, meter = stream(engine, bundle=bundle, size=size, seconds=seconds)
    finally:
        engine.close()
    skip = meter.num_warmup
    stages = meter.stages.as_dict(skip=skip)
    return {
        "shown_percent": 100 * ledger.shown / ledger.read,
        "age_ms": meter.latency.percentiles(skip=skip).as_dict(),
        "stage_ms": stages,
        "stages_ms": sum(stages[stage]["p50"] for stage in STAGES),
        "frames": ledger.as_dict(),
        "precision": engine.info.precision,
    }


def stream(
    engine: Engine, *, bundle: Bundle, size: tuple[int, int], seconds: float
) -> tuple["Witness", Ledger, Meter]:
    """Run a synthetic stream at its own pace under ``latest``, painted and thrown away."""
    options = LiveOptions()
    graph = f"lavfi:testsrc2=size={size[1]}x{size[0]}:rate={FPS}"
    source = LiveSource(parse_address(graph, options=options), options=options)
    ledger, meter, witness, end_s = Ledger(), Meter(), Witness(), now_s() + seconds
    pipeline = Pipeline(
        engine,
        spec=bundle.input_spec,
        meter=meter,
        ledger=ledger,
        num_requests=LIVE_REQUESTS,
        num_classes=bundle.classmap.num_classes,
        frame_bytes=frame_bytes(source.info),
        should_stop=lambda: now_s() >= end_s,
        flow=Flow(policy="latest"),
    )
    try:
        pipeline.run(
            source,
            sink=Void(source.info),
            painter=default_painter(bundle, source.info),
            line=LiveLine(suffix="", ledger=ledger),
            outlets=[witness],
            interrupt=source.stop,
        )
    finally:
        source.close()
    ledger.check()
    return witness, ledger, meter


class Void:
    """A sink that painted frames end in: what is measured is how soon they are ready."""

    def __init__(self, info: VideoInfo) -> None:
        self._canvas = blank_canvas(info)

    def canvas(self) -> Planes:
        """Return the one canvas."""
        return self._canvas

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        """Forget a frame."""

    def copy(self, cargo: Cargo) -> None:
        """Forget a packet."""


class Witness:
    """An outlet that remembers when each frame was ready, and how old it was then."""

    name = "witness"
    saves = False

    def __init__(self) -> None:
        self.times_s: list[float] = []
        self.ages_ms: list[float] = []

    def take(
        self,
        frame: Frame,
        *,
        labels_HW: np.ndarray,
        shares: np.ndarray,
        stage_ms: StageTimes,
        objects: Objects | None,
    ) -> None:
        """Remember one frame."""
        now = now_s()
        self.times_s.append(now)
        self.ages_ms.append((now - captured_at_s(frame)) * 1e3)

    def lose(self, lost: LostFrame) -> None:
        """Leave a lost frame out: it has no age."""

    def close(self) -> None:
        """Nothing is held open."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--minutes", type=int, default=MINUTES, help="how long [%(default)d]")
    parsed, _ = own.parse_known_args(arguments)
    return conduct(
        "live",
        partial(measure, minutes=parsed.minutes),
        description=__doc__,
        arguments=arguments,
        own=own,
    )


if __name__ == "__main__":
    sys.exit(main())
