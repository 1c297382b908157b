"""From a configuration to a finished run; the only file that names concrete sources and sinks."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, cast

import cv2

from losszero_rt.bundle import Bundle, find_bundle
from losszero_rt.classmap import ClassMap
from losszero_rt.engine import Engine, EngineOptions, open_engine
from losszero_rt.errors import ExitCode, InputError, LossZeroError, OutputError
from losszero_rt.frame import Frame, LostFrame, StreamItem, VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.jobs import Job, plan_jobs
from losszero_rt.pipeline.outlets import Accuracy, JsonLines, MaskWriter, Outlet, Scorer
from losszero_rt.pipeline.painter import LiveLine, Painter
from losszero_rt.pipeline.pipeline import Pipeline
from losszero_rt.pipeline.report import Meter, SourceResult, build_report
from losszero_rt.pipeline.stopping import StopSwitch
from losszero_rt.timings import now_s
from losszero_rt.video import (
    EncodeOptions,
    SourceOptions,
    StillSink,
    StillSource,
    VideoSink,
    VideoSource,
    open_source,
)
from losszero_rt.video.encoders import CodecName, Preset

NUM_REQUESTS = 4


class Progress(Protocol):
    """Hears how a run goes on."""

    def start(self, name: str, *, total: int | None) -> None:
        """Begin a source."""
        ...

    def step(self) -> None:
        """Count one frame."""
        ...

    def done(self) -> None:
        """End the source."""
        ...

    def warn(self, text: str) -> None:
        """Show one line."""
        ...

    def note(self, text: str) -> None:
        """Show one line if details are wanted."""
        ...


def run_job(specs: list[str], *, config: RunConfig, progress: Progress) -> dict[str, Any]:
    """Run sources through the model into the outputs asked for.

    Args:
        specs: Files, folders, patterns or ``@list`` files.
        config: What to do.
        progress: Hears how it goes.

    Returns:
        The report, whose ``exit_code`` is what the process should end with.

    Raises:
        LossZeroError: Nothing could be done at all; no output was left behind.
    """
    meter = Meter()
    with StopSwitch() as stop:
        jobs = plan_jobs(specs, config=config)
        bundle = find_bundle(config.model, allow_unverified=config.allow_unverified)
        with OpenRun(config, bundle=bundle, meter=meter, progress=progress) as run:
            results = []
            for job in jobs:
                if not stop.is_set:
                    results.append(run.process(job, stop=stop, alone=len(jobs) == 1))
            return run.finish(results, stop=stop)


def engine_options(config: RunConfig) -> EngineOptions:
    """Return what a configuration asks of the engine; ``auto`` batches are 1 on a CPU, else 4."""
    on_gpu = config.device.startswith("cuda")
    return EngineOptions(
        device=config.device,
        precision=config.precision,
        batch=config.batch or (4 if on_gpu else 1),
        threads=config.threads,
        num_requests=NUM_REQUESTS,
    )


def encode_options(config: RunConfig) -> EncodeOptions:
    """Return how a configuration wants its video encoded; names are checked on creation."""
    options = EncodeOptions(
        codec=cast(CodecName, config.codec), crf=config.crf, threads=config.threads
    )
    return replace(options, preset=cast(Preset, config.preset)) if config.preset else options


class OpenRun:
    """A bundle whose engine is open, ready to process one source after the other.

    Args:
        config: What to do.
        bundle: The model.
        meter: Takes the measurements of all sources.
        progress: Hears how it goes.
    """

    def __init__(
        self, config: RunConfig, *, bundle: Bundle, meter: Meter, progress: Progress
    ) -> None:
        # OpenCV's own threads would only get in the way of the lanes.
        cv2.setNumThreads(1)
        self._config = config
        self._bundle = bundle
        self._meter = meter
        self._progress = progress
        self._classmap: ClassMap = bundle.classmap.with_palette(config.palette)
        self._engine: Engine = open_engine(
            bundle, name=config.engine, options=engine_options(config)
        )
        self._accuracy = Accuracy(self._classmap)
        self._json = JsonLines(config.json, classmap=self._classmap) if config.json else None
        self._failures: list[LossZeroError] = []

    def __enter__(self) -> "OpenRun":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()

    def process(self, job: Job, *, stop: StopSwitch, alone: bool) -> SourceResult:
        """Process one source.

        Args:
            job: The source and its output.
            stop: Ends reading when set.
            alone: Raise errors; otherwise they are kept for the report, and other sources go on.
        """
        ledger = Ledger()
        try:
            return self._process(job, ledger=ledger, stop=stop)
        except LossZeroError as error:
            if alone:
                raise
            self._progress.warn(f"{job.source}: {error}")
            return SourceResult(
                name=str(job.source), frames=ledger.as_dict(), output=None, error=str(error)
            )
        finally:
            self._progress.done()
            self._meter.ledger.absorb(ledger)

    def _process(self, job: Job, *, ledger: Ledger, stop: StopSwitch) -> SourceResult:
        config = self._config
        options = SourceOptions(
            stream=config.stream,
            max_pixels=config.max_pixels,
            start_s=config.start_s,
            duration_s=config.duration_s,
            threads=config.threads,
            audio=config.audio and job.output is not None,
        )
        source = open_source(job.source, options=options)
        try:
            self._progress.start(str(job.source), total=source.info.num_frames_declared)
            for note in source.info.notes:
                self._progress.warn(f"{job.source}: {note}")
            output = self._stream(job, source, ledger=ledger, stop=stop)
            for warning in source.warnings:
                self._progress.warn(f"{job.source}: {warning}")
            ledger.check()
            incomplete = None if stop.is_set else source.incomplete
            return SourceResult(
                name=str(job.source),
                frames=ledger.as_dict(),
                output=output,
                incomplete=incomplete,
                missing_share=missing_share(source.info, ledger) if incomplete else 0.0,
                warnings=(*source.info.notes, *source.warnings),
            )
        finally:
            source.close()

    def _stream(
        self, job: Job, source: VideoSource | StillSource, *, ledger: Ledger, stop: StopSwitch
    ) -> dict[str, Any] | None:
        """Run the pipeline; return what the report says of the output."""
        is_still = isinstance(source, StillSource)
        pipeline = Pipeline(
            self._engine,
            spec=self._bundle.input_spec,
            meter=self._meter,
            ledger=ledger,
            num_requests=NUM_REQUESTS,
            num_classes=self._classmap.num_classes,
            should_stop=lambda: stop.is_set,
        )
        painter = None
        if job.output is not None:
            painter = Painter(
                self._config, classmap=self._classmap, info=source.info, chroma_444=is_still
            )
        sink = self._open_sink(job, source, painter=painter, pipeline=pipeline)
        line = LiveLine(suffix=self._hud_suffix(), ledger=ledger)
        items = self._watched(thin(source, stride=self._config.stride))
        try:
            self._failures += pipeline.run(
                items, sink=sink, painter=painter, line=line, outlets=self._outlets(job, source.info)
            )
            if not ledger.shown and not stop.is_set:
                raise InputError(
                    f"{job.source}: none of {ledger.read} frames could be decoded",
                    accepted="a video or picture that FFmpeg can decode",
                )
        except BaseException:
            if sink is not None:
                sink.abort()
            raise
        if sink is None:
            return None
        written = sink.close()
        return {
            "path": str(written.path),
            "frames": written.frames,
            "duration_s": written.duration_s,
            "codec": written.codec,
        }

    def finish(self, results: list[SourceResult], *, stop: StopSwitch) -> dict[str, Any]:
        """Build the report, write it where it was asked for, and decide the exit code."""
        report = build_report(
            meter=self._meter,
            engine=self._engine.info,
            bundle=self._bundle,
            sources=results,
            measured=self._accuracy.as_dict() if self._config.labels else None,
            elapsed_s=now_s() - self._meter.start_s,
            exit_code=self._exit_code(results, stop=stop),
        )
        for failure in self._failures:
            self._progress.warn(str(failure))
        if self._json is not None:
            self._json.finish(report)
        if self._config.report is not None:
            write_json(self._config.report, report)
        return report

    def _exit_code(self, results: list[SourceResult], *, stop: StopSwitch) -> ExitCode:
        if stop.exit_code is not None:
            return stop.exit_code
        if self._failures:
            return self._failures[0].exit_code
        lost = self._meter.ledger.lost_share > self._config.max_loss
        cut = any(r.error for r in results) or any(
            r.missing_share > self._config.max_loss for r in results
        )
        return ExitCode.LOSSES if lost or cut else ExitCode.OK

    def _open_sink(
        self,
        job: Job,
        source: VideoSource | StillSource,
        *,
        painter: Painter | None,
        pipeline: Pipeline,
    ) -> VideoSink | StillSink | None:
        if job.output is None or painter is None:
            return None
        sink: VideoSink | StillSink
        if isinstance(source, StillSource):
            sink = StillSink(
                job.output,
                info=source.info,
                size=painter.output_size,
                source=job.source,
                force=self._config.force,
            )
        else:
            sink = VideoSink(
                job.output,
                info=source.info,
                size=painter.output_size,
                options=encode_options(self._config),
                audio_from=source,
                origin_pts=source.origin_pts,
                force=self._config.force,
            )
            for note in sink.notes:
                self._progress.warn(f"{job.output}: {note}")
        sink.on_muxed = pipeline.on_muxed
        return sink

    def _outlets(self, job: Job, info: VideoInfo) -> list[Outlet]:
        config, still = self._config, job.source.stem if job.is_still else None
        outlets: list[Outlet] = []
        if config.masks is not None:
            outlets.append(MaskWriter(config.masks, size=info.shown_size, still=still))
        if self._json is not None:
            self._json.source = str(job.source)
            outlets.append(self._json)
        if config.labels is not None:
            outlets.append(Scorer(config.labels, accuracy=self._accuracy, still=still))
        return outlets

    def _hud_suffix(self) -> str:
        info, scores = self._engine.info, self._bundle.scores
        score = f"mIoU {scores['miou']:.2f}" if scores.get("miou") is not None else "no score"
        state = "" if self._bundle.is_verified else "  UNVERIFIED"
        return f"{score}  {info.name} {info.precision}{state}"

    def _watched(self, items: Iterable[StreamItem]) -> Iterator[StreamItem]:
        for item in items:
            if isinstance(item, Frame | LostFrame):
                self._progress.step()
            yield item


def missing_share(info: VideoInfo, ledger: Ledger) -> float:
    """Return the share of the declared frames that never came; 1 when nothing was declared."""
    if not info.num_frames_declared:
        return 1.0
    return max(0.0, 1 - ledger.read / info.num_frames_declared)


def thin(items: Iterable[StreamItem], *, stride: int) -> Iterator[StreamItem]:
    """Let every n-th frame through; the others become lost frames with the reason ``stride``."""
    for item in items:
        if isinstance(item, Frame) and item.index % stride:
            yield LostFrame(index=item.index, pts=item.pts, fate="dropped", reason="stride")
        else:
            yield item


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a JSON file under a ``.part`` name, then give it its own.

    Raises:
        OutputError: The file cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
