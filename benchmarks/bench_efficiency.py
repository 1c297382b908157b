"""What share of the processor the pipeline turns into frames.

Every stage is run alone on the frames of one clip, and its processor time a frame is taken. If the
lanes cost nothing, the cores would give ``cores / sum`` frames a second; the pipeline, run by its
command line on the same frames, gives less. Bare costs and runs alternate.

Run: python -m benchmarks.bench_efficiency
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import cv2

from benchmarks.clips import drawn_clip, num_frames_of, timed_clip
from benchmarks.options import Options
from benchmarks.program import our_command, read_report, run_program
from benchmarks.record import Claim, Outcome, conduct
from benchmarks.scene import HUD_LINE, Spent, default_painter, frames_of, spent
from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.cores import num_cores
from losszero_rt.engine import EngineOptions
from losszero_rt.engine.openvino_engine import OpenVinoEngine
from losszero_rt.frame import Frame
from losszero_rt.overlay import class_shares
from losszero_rt.pipeline.painter import Painter
from losszero_rt.timings import STAGES, Stage
from losszero_rt.video import SourceOptions, VideoSink, VideoSource

MIN_EFFICIENCY = 0.85
# Frames that one stage works on before the next stage gets them; a whole number of GOPs.
CHUNK = 60

Costs = dict[Stage, float]


def measure(options: Options) -> Outcome:
    """Take bare costs and whole runs in turn."""
    cv2.setNumThreads(1)
    bundle = find_bundle(options.model, allow_unverified=True)
    drawn, timed, cores = drawn_clip(options), timed_clip(options), num_cores()
    rounds: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        bare = bare_costs(bundle, drawn, out=options.work / "bare.mp4")
        run = run_whole(options, timed)
        possible_fps = cores / (sum(bare.values()) / 1e3)
        rounds.append({"bare_ms": bare, **run, "efficiency": run["fps"] / possible_fps})
    bare_medians = {
        stage: round(median(one["bare_ms"][stage] for one in rounds), 3) for stage in STAGES
    }
    claims = [
        Claim(
            what="measured fps / (cores / bare processor seconds a frame)",
            value=round(median(one["efficiency"] for one in rounds), 4),
            unit="",
            limit=MIN_EFFICIENCY,
        ),
        Claim(what="measured", value=round(median(r["fps"] for r in rounds), 2), unit="fps"),
    ]
    for stage, cost in bare_medians.items():
        claims.append(Claim(what=f"{stage}, alone", value=cost, unit="ms CPU a frame"))
    figures = {"cores": cores, "frames": num_frames_of(timed), "bare_ms": bare_medians}
    figures["bare_sum_ms"] = round(sum(bare_medians.values()), 3)
    return Outcome(claims=tuple(claims), figures={**figures, "runs": rounds})


def run_whole(options: Options, clip: Path) -> dict[str, float]:
    """Run the command line; return its rate and what it cost, seen from outside."""
    report, out = options.work / "efficiency.json", options.work / "efficiency.mp4"
    done = run_program(our_command(options, clip, report=report, out=out))
    facts = read_report(report)
    num_frames = facts["frames"]["read"]
    return {
        "fps": facts["fps"],
        "whole_command_cpu_ms": round(done.cpu_s * 1e3 / num_frames, 3),
        "cores_busy": round(done.cpu_s / done.wall_s, 3),
    }


def bare_costs(bundle: Bundle, clip: Path, *, out: Path) -> Costs:
    """Return the processor milliseconds a frame of every stage run alone."""
    decode_ms = decode_cost(clip)
    source = VideoSource(clip, options=SourceOptions(audio=False))
    bench = Bench(bundle, source, out=out)
    chunk: list[Frame] = []
    for frame in frames_of(source):
        chunk.append(frame)
        if len(chunk) == CHUNK:
            bench.work_on(chunk)
            chunk = []
    if chunk:
        bench.work_on(chunk)
    source.close()
    return {"decode": decode_ms, **bench.close()}


def decode_cost(clip: Path) -> float:
    """Return the processor milliseconds a frame of reading the clip and nothing else."""
    num_frames = 0
    with spent() as total:
        source = VideoSource(clip, options=SourceOptions(audio=False))
        for _ in frames_of(source):
            num_frames += 1
        source.close()
    return total.cpu_s * 1e3 / num_frames


class Bench:
    """The stages behind the decoder, each worked off alone, a chunk of frames at a time.

    The engine has one thread: that is its work without any waiting for one another.

    Args:
        bundle: The model.
        source: Says what the frames are.
        out: Where the encoded overlay goes.
    """

    def __init__(self, bundle: Bundle, source: VideoSource, *, out: Path) -> None:
        self._spec = bundle.input_spec
        self._num_classes = bundle.classmap.num_classes
        self._engine = OpenVinoEngine(bundle, options=EngineOptions(threads=1, num_requests=1))
        self._painter: Painter = default_painter(bundle, source.info)
        self._sink = VideoSink(out, info=source.info, force=True)
        self._costs: dict[Stage, Spent] = {stage: Spent() for stage in STAGES if stage != "decode"}
        self._num_frames = 0
        self._engine.submit(self._spec.new_input()[None]).result()

    def work_on(self, frames: list[Frame]) -> None:
        """Let one stage after the other work on all frames of a chunk."""
        self._num_frames += len(frames)
        inputs = [self._spec.new_input() for _ in frames]
        canvases = [self._sink.canvas() for _ in frames]
        with spent(self._costs["preprocess"]):
            for frame, input_HWC in zip(frames, inputs, strict=True):
                self._spec.fill(frame.planes, input_HWC)
        with spent(self._costs["infer"]):
            labels = [self._engine.submit(input_HWC[None]).result()[0] for input_HWC in inputs]
        with spent(self._costs["overlay"]):
            for frame, labels_HW, canvas in zip(frames, labels, canvases, strict=True):
                shares = class_shares(labels_HW, num_classes=self._num_classes)
                # The line changes twice a second, as in a run.
                line = f"{frame.index // 15} {HUD_LINE}"
                self._painter.paint(
                    frame.planes, labels_HW=labels_HW, shares=shares, canvas=canvas, line=line
                )
        with spent(self._costs["encode"]):
            for frame, canvas in zip(frames, canvases, strict=True):
                self._sink.write(canvas, frame=frame)

    def close(self) -> Costs:
        """Return the processor milliseconds a frame by stage."""
        self._engine.close()
        self._sink.close()
        per_ms = 1e3 / self._num_frames
        return {stage: total.cpu_s * per_ms for stage, total in self._costs.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script."""
    return conduct("efficiency", measure, description=__doc__, arguments=arguments)


if __name__ == "__main__":
    sys.exit(main())
