"""A model whose engine is open, and the live source that runs through it."""

from dataclasses import replace
from typing import Any

import cv2

from losszero_rt.engine import Model
from losszero_rt.errors import InputError, LossZeroError, OutputError
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.detections import Detections
from losszero_rt.pipeline.finishing import exit_code_of, give_up, publish
from losszero_rt.pipeline.flow import LIVE_REQUESTS
from losszero_rt.pipeline.lane import Background
from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_feed import LiveFeed, LiveStream
from losszero_rt.pipeline.live_figures import LiveShares
from losszero_rt.pipeline.live_outputs import LivePage
from losszero_rt.pipeline.live_parts import LiveParts, LiveSetting, open_parts
from losszero_rt.pipeline.live_picture import HeatWatch, configured_choice
from losszero_rt.pipeline.live_report import live_facts, recorded_output
from losszero_rt.pipeline.live_waiting import Lobby
from losszero_rt.pipeline.memory import check_memory, frame_bytes
from losszero_rt.pipeline.options import engine_options
from losszero_rt.pipeline.outlets import Outlet
from losszero_rt.pipeline.pipeline import Pipeline
from losszero_rt.pipeline.progress import Progress
from losszero_rt.pipeline.recording import Recording
from losszero_rt.pipeline.report import Meter, SourceResult, build_report
from losszero_rt.pipeline.running_engine import open_running
from losszero_rt.pipeline.side_files import SideFiles
from losszero_rt.stopping import StopSwitch
from losszero_rt.timings import now_s


class LiveRun:
    """Runs one live source through the engine into recording, window and page.

    Args:
        config: What to do.
        model: What to run.
        progress: Hears how it goes.
        page: Shows the run.
        server: The thread that serves the page.
    """

    def __init__(
        self,
        config: LiveConfig,
        *,
        model: Model,
        progress: Progress,
        page: LivePage | None = None,
        server: Background | None = None,
    ) -> None:
        # OpenCV's own threads would only get in the way of the lanes.
        cv2.setNumThreads(1)
        self._config, self._model, self._progress = config, model, progress
        self._meter = Meter.bounded()
        self._classmap = model.classmap.with_palette(config.palette)
        configured = configured_choice(config, classmap=self._classmap)
        self._cam = None if configured.cam is None else self._classmap.names[configured.cam]
        options = replace(
            engine_options(config),
            num_requests=LIVE_REQUESTS,
            any_batch=True,
            cams=bool(config.cam) or page is not None,
        )
        self._engine = open_running(config, model=model, options=options, progress=progress)
        try:
            self._engine.watch(configured.cam)  # refused now where there are no maps
            drawn = config.record is not None or config.show
            heat = HeatWatch(self._engine, configured=configured.cam if drawn else None)
            self._detections = Detections(self._classmap.names)
            self._side = SideFiles(config, classmap=self._classmap)
        except BaseException:
            self._engine.close()
            raise
        if page is not None:
            page.prefer(configured)
        self._setting = LiveSetting(
            config=config,
            model=model,
            engine=self._engine.info,
            classmap=self._classmap,
            configured=configured,
            heat=heat,
            page=page,
            server=server,
            progress=progress,
            lines=self._side.json,
        )
        self._failures: list[LossZeroError] = []
        self._live: dict[str, Any] | None = None

    def __enter__(self) -> "LiveRun":
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.close()
        self._side.close()

    def lobby(self, name: str, *, stop: StopSwitch) -> Lobby:
        """Return where one waits for a source that is not there yet."""
        return Lobby(self._setting, name=name, stop=stop, start_s=self._meter.start_s)

    def process(self, source: LiveStream, *, stop: StopSwitch) -> SourceResult:
        """Run a source to its end, or to the end of the run.

        Args:
            source: The source.
            stop: Ends the run when set.

        Returns:
            What became of it; what went wrong with it is in there.

        Raises:
            LossZeroError: Nothing could be begun.
        """
        check_memory(source.info, config=self._config)
        ledger = Ledger()
        duration_s = self._config.duration_s
        feed = LiveFeed(
            source,
            progress=self._progress,
            duration_s=duration_s,
            rate_declared=source.rate_declared,
            num_breaks=lambda: source.signal.num_reconnects,
        )
        parts = open_parts(
            self._setting, source=source, ledger=ledger, stop=stop, start_s=self._meter.start_s
        )
        self._progress.start(source.info.name, total=None)
        noted = parts.recording.notes if parts.recording is not None else ()
        for note in (*source.info.notes, *self._side.notes, *noted):
            self._progress.warn(note)
        try:
            self._stream(feed, source=source, parts=parts, ledger=ledger, stop=stop)
        finally:
            self._progress.done()
            if parts.window is not None:
                parts.window.close()
        if feed.is_over and not parts.watch.ending:
            parts.watch.ending = "duration"
        parts.watch.finish()
        self._meter.ledger.absorb(ledger)
        self._live = live_facts(
            source,
            config=self._config,
            feed=feed,
            watch=parts.watch,
            meter=self._meter,
            recording=parts.recording,
        )
        return self._result(source, feed=feed, parts=parts, ledger=ledger, stop=stop)

    def fail(self, error: LossZeroError) -> None:
        """Take in what went wrong before there was a source; it is told at the end."""
        self._failures.append(error)

    def finish(self, result: SourceResult | None, *, stop: StopSwitch) -> dict[str, Any]:
        """Build the report, write it where it was asked for, and decide the exit code.

        Args:
            result: What became of the source; None when the run ended before it was open.
            stop: Knows the signal that ended the run.
        """
        results = [] if result is None else [result]
        report = publish(
            lambda: self._report(results, stop=stop),
            writers=self._side.writers,
            failures=self._failures,
        )
        errors = [r.error for r in results if r.error]
        for error in (*errors, *map(str, self._failures)):
            self._progress.fail(error)
        return report

    def _stream(
        self,
        feed: LiveFeed,
        *,
        source: LiveStream,
        parts: LiveParts,
        ledger: Ledger,
        stop: StopSwitch,
    ) -> None:
        """Run the pipeline and finish the recording; what fails is kept for the report."""
        pipeline = Pipeline(
            self._engine,
            spec=self._model.input_spec,
            meter=self._meter,
            ledger=ledger,
            num_requests=LIVE_REQUESTS,
            num_classes=self._classmap.num_classes,
            frame_bytes=frame_bytes(source.info),
            should_stop=lambda: stop.is_set or bool(parts.watch.ending),
            flow=self._config.flow,
        )
        recording = parts.recording
        num_told = len(recording.notes) if recording is not None else 0
        try:
            self._failures += pipeline.run(
                feed,
                sink=parts.outputs,
                painter=parts.outputs,
                line=parts.line,
                outlets=self._outlets(source, shares=parts.shares),
                interrupt=source.stop,
                on_idle=parts.watch.look,
            )
            ledger.check()
        except LossZeroError as error:
            give_up(ledger)
            parts.watch.ending = "failure"
            self._failures.append(error)
            if recording is not None and isinstance(error, OutputError):
                recording.abort()
                recording = None
        except BaseException:
            if recording is not None:
                recording.abort()
            raise
        if pipeline.left_alone:
            self._progress.note(f"{source.info.name}: did not answer, and is left alone")
        if recording is not None:
            self._close(recording)
            for note in recording.notes[num_told:]:
                self._progress.warn(note)
        if parts.watch.failure is not None:
            self._failures.append(parts.watch.failure)

    def _close(self, recording: Recording) -> None:
        try:
            recording.close()
        except OutputError as error:
            self._failures.append(error)
        self._failures += recording.failures

    def _outlets(self, source: LiveStream, *, shares: LiveShares) -> list[Outlet]:
        outlets: list[Outlet] = [shares]
        if self._engine.info.gives_objects:
            outlets.append(self._detections)
        if self._side.json is not None:
            self._side.json.source = source.info.name
            outlets.append(self._side.json)
        return outlets

    def _result(
        self,
        source: LiveStream,
        *,
        feed: LiveFeed,
        parts: LiveParts,
        ledger: Ledger,
        stop: StopSwitch,
    ) -> SourceResult:
        noted = parts.recording.notes if parts.recording is not None else ()
        error: LossZeroError | None = feed.lost
        if error is None and not (ledger.shown or self._failures or parts.watch.ending):
            error = InputError(
                f"{source.info.name}: none of {ledger.read} frames could be shown",
                accepted="a source that gives pictures",
            )
        result = SourceResult(
            name=source.info.name,
            frames=ledger.as_dict(),
            output=recorded_output(parts.recording),
            incomplete=None if error is None else str(error),
            warnings=(*source.info.notes, *source.warnings, *self._side.notes, *noted),
        )
        if error is None:
            return result
        return replace(result, error=str(error), error_code=error.exit_code)

    def _report(self, results: list[SourceResult], *, stop: StopSwitch) -> dict[str, Any]:
        return build_report(
            meter=self._meter,
            engine=self._engine.info,
            model=self._model,
            cam=self._cam,
            sources=results,
            measured=None,
            detections=self._detections.as_dict(),
            elapsed_s=now_s() - self._meter.start_s,
            failures=self._failures,
            stopped=stop.exit_code,
            live=self._live,
            exit_code=exit_code_of(
                results,
                stopped=stop.exit_code,
                failures=self._failures,
                lost_share=self._meter.ledger.lost_share,
                max_loss=self._config.max_loss,
            ),
        )
