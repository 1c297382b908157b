"""From a configuration to a finished run: the model, then one source after the other."""

from collections.abc import Iterable
from typing import Any

import cv2

from losszero_rt.classmap import ClassMap
from losszero_rt.engine import Model, open_model
from losszero_rt.errors import ExitCode, LossZeroError, ModelError, OutputError
from losszero_rt.frame import StreamItem, VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.detections import Detections
from losszero_rt.pipeline.finishing import (
    check_shown,
    exit_code_of,
    give_up,
    missing_share,
    num_wanted,
    publish,
    unsaved,
)
from losszero_rt.pipeline.jobs import Job, plan_jobs
from losszero_rt.pipeline.memory import check_memory, frame_bytes
from losszero_rt.pipeline.openings import close_output, open_output
from losszero_rt.pipeline.options import (
    NUM_REQUESTS,
    engine_options,
    picture_settings,
    source_options,
)
from losszero_rt.pipeline.outlets import Accuracy, MaskWriter, Outlet, Scorer
from losszero_rt.pipeline.painter import LiveLine
from losszero_rt.pipeline.pipeline import Pipeline
from losszero_rt.pipeline.progress import Progress, counted
from losszero_rt.pipeline.report import Meter, SourceResult, build_report, hud_suffix
from losszero_rt.pipeline.running_engine import open_running
from losszero_rt.pipeline.side_files import SideFiles
from losszero_rt.pipeline.thinning import thin
from losszero_rt.stopping import StopSwitch
from losszero_rt.timings import now_s
from losszero_rt.video import StillSource, VideoSink, VideoSource, open_source


def run_job(specs: list[str], *, config: RunConfig, progress: Progress) -> dict[str, Any] | None:
    """Run sources through the model into the outputs asked for.

    Args:
        specs: Files, folders, patterns or ``@list`` files.
        config: What to do.
        progress: Hears how it goes.

    Returns:
        The report, whose ``exit_code`` is what the process should end with; None when every
        output was there and left alone (``resume``).

    Raises:
        LossZeroError: Nothing could be done at all; no finished output was left behind.
    """
    meter = Meter()
    with StopSwitch() as stop:
        jobs = plan_jobs(specs, config=config)
        if not jobs:
            return None
        if len(jobs) == 1:
            look_at(jobs[0], config=config)
        model = open_model(config.model, allow_unverified=config.allow_unverified)
        model.classmap.ids_of((*config.classes, *([config.cam] if config.cam else ())))
        with OpenRun(config, model=model, meter=meter, progress=progress) as run:
            alone = len(jobs) == 1
            results = [run.process(job, stop=stop, alone=alone) for job in jobs if not stop.is_set]
            return run.finish(results, stop=stop)


def look_at(job: Job, *, config: RunConfig) -> None:
    """Open a source and close it again: what is wrong with it is said before the model loads.

    Raises:
        InputError: It cannot be read.
        UsageError: It needs more memory than there is.
    """
    source = open_source(job.source, options=source_options(config, audio=False))
    try:
        check_memory(source.info, config=config)
    finally:
        source.close()


class OpenRun:
    """A model whose engine is open, ready to process one source after the other.

    Args:
        config: What to do.
        model: What to run.
        meter: Takes the measurements of all sources.
        progress: Hears how it goes.
    """

    def __init__(
        self, config: RunConfig, *, model: Model, meter: Meter, progress: Progress
    ) -> None:
        # OpenCV's own threads would only get in the way of the lanes.
        cv2.setNumThreads(1)
        self._config = config
        self._model = model
        self._meter = meter
        self._progress = progress
        self._classmap: ClassMap = model.classmap.with_palette(config.palette)
        self._engine = open_running(
            config, model=model, options=engine_options(config), progress=progress
        )
        self._watched_class: str | None = None
        if config.cam:
            class_id = self._classmap.id_of(config.cam)
            self._engine.watch(class_id)
            self._watched_class = self._classmap.names[class_id]
        self._accuracy = Accuracy(self._classmap)
        self._detections = Detections(self._classmap.names)
        self._side = SideFiles(config, classmap=self._classmap, masks=config.masks)
        for line in self._side.notes:
            progress.warn(line)
        self._failures: list[LossZeroError] = []

    def __enter__(self) -> "OpenRun":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()
        self._side.close()

    def process(self, job: Job, *, stop: StopSwitch, alone: bool) -> SourceResult:
        """Process one source.

        Args:
            job: The source and its output.
            stop: Ends reading when set.
            alone: Raise errors; otherwise they are kept for the report, and other sources go on.
                An output that fails once frames were shown is for the report in any case.

        Raises:
            LossZeroError: The only source failed, or the model did.
        """
        ledger = Ledger()
        try:
            return self._process(job, ledger=ledger, stop=stop)
        except LossZeroError as error:
            for_report = not alone or (isinstance(error, OutputError) and ledger.shown)
            if isinstance(error, ModelError) or not for_report:
                raise
            give_up(ledger)
            self._progress.fail(str(error))
            return SourceResult(
                name=str(job.source),
                frames=ledger.as_dict(),
                output=None,
                error=str(error),
                error_code=error.exit_code,
            )
        finally:
            self._progress.done()
            self._meter.ledger.absorb(ledger)

    def _process(self, job: Job, *, ledger: Ledger, stop: StopSwitch) -> SourceResult:
        config = self._config
        source = open_source(
            job.source, options=source_options(config, audio=job.output is not None)
        )
        try:
            check_memory(source.info, config=config)
            wanted = num_wanted(source.info, start_s=config.start_s, duration_s=config.duration_s)
            self._progress.start(str(job.source), total=wanted)
            for note in source.info.notes:
                self._progress.warn(f"{job.source}: {note}")
            output, num_resumed = self._stream(job, source, ledger=ledger, stop=stop)
            for warning in source.warnings:
                self._progress.warn(f"{job.source}: {warning}")
            ledger.check()
            incomplete = None if stop.is_set else source.incomplete
            error = unsaved(ledger, failures=self._failures)
            num_seen = ledger.read + num_resumed
            missing = missing_share(
                source.info,
                num_seen=num_seen,
                reach=source.reach,
                start_s=config.start_s,
                duration_s=config.duration_s,
            )
            return SourceResult(
                name=str(job.source),
                frames=ledger.as_dict(),
                output=output,
                incomplete=incomplete,
                missing_share=missing if incomplete else 0.0,
                num_resumed=num_resumed,
                warnings=(*source.info.notes, *source.warnings),
                error=None if error is None else str(error),
                error_code=ExitCode.OK if error is None else error.exit_code,
            )
        finally:
            source.close()

    def _stream(
        self, job: Job, source: VideoSource | StillSource, *, ledger: Ledger, stop: StopSwitch
    ) -> tuple[dict[str, Any] | None, int]:
        """Run the pipeline; return what the report says of the output, and the frames kept."""
        pipeline = Pipeline(
            self._engine,
            spec=self._model.input_spec,
            meter=self._meter,
            ledger=ledger,
            num_requests=NUM_REQUESTS,
            num_classes=self._classmap.num_classes,
            frame_bytes=frame_bytes(source.info),
            should_stop=lambda: stop.is_set,
        )
        painter, sink = open_output(
            job,
            source,
            config=self._config,
            classmap=self._classmap,
            objects=self._engine.info.gives_objects,
            settings=picture_settings(self._config, model=self._model),
            progress=self._progress,
        )
        # Counted before kept packets take the place of frames, or the total is never reached.
        thinned = thin(source, stride=self._config.stride)
        items: Iterable[StreamItem] = counted(thinned, progress=self._progress)
        num_kept = 0
        if sink is not None:
            sink.on_muxed = pipeline.on_muxed
            if isinstance(sink, VideoSink):
                items, num_kept = sink.go_on(items), sink.num_kept
        try:
            failures = pipeline.run(
                items,
                sink=sink,
                painter=painter,
                line=LiveLine(suffix=hud_suffix(self._engine.info, self._model), ledger=ledger),
                outlets=self._outlets(job, source.info),
            )
            # JSON lines that failed at one source fail at the next for the same reason.
            self._failures += [error for error in failures if error not in self._failures]
            if not (num_kept or stop.is_set):
                check_shown(ledger, name=str(job.source))
        except BaseException:
            if sink is not None:
                sink.abort()
            raise
        empty = not (ledger.shown or num_kept)
        output = close_output(sink, job=job, empty=empty, progress=self._progress)
        return output, num_kept

    def finish(self, results: list[SourceResult], *, stop: StopSwitch) -> dict[str, Any]:
        """Build the report, write it where it was asked for, and decide the exit code."""
        report = publish(
            lambda: self._report(results, stop=stop),
            writers=self._side.writers,
            failures=self._failures,
        )
        for failure in self._failures:
            self._progress.fail(str(failure))
        return report

    def _report(self, results: list[SourceResult], *, stop: StopSwitch) -> dict[str, Any]:
        return build_report(
            meter=self._meter,
            engine=self._engine.info,
            model=self._model,
            cam=self._watched_class,
            sources=results,
            measured=self._accuracy.as_dict() if self._config.labels else None,
            detections=self._detections.as_dict(),
            elapsed_s=now_s() - self._meter.start_s,
            failures=self._failures,
            stopped=stop.exit_code,
            exit_code=exit_code_of(
                results,
                stopped=stop.exit_code,
                failures=self._failures,
                lost_share=self._meter.ledger.lost_share,
                max_loss=self._config.max_loss,
            ),
        )

    def _outlets(self, job: Job, info: VideoInfo) -> list[Outlet]:
        config = self._config
        size, still = info.shown_size, job.still_stem
        outlets: list[Outlet] = [self._detections] if self._engine.info.gives_objects else []
        if config.masks is not None:
            outlets.append(MaskWriter(config.masks / job.folder, size=size, still=still))
        if self._side.json is not None:
            self._side.json.source = str(job.source)
            outlets.append(self._side.json)
        if config.labels is not None:
            folder = config.labels / job.folder
            outlets.append(Scorer(folder, accuracy=self._accuracy, size=size, still=still))
        return outlets
