"""What is looked after while a live run goes on: its end, the signal, the viewers, the window.

All of it happens on the main thread, between frames and while none come.
"""

from typing import Literal

from losszero_rt.errors import OutputError
from losszero_rt.livestate import Signal
from losszero_rt.pipeline.json_lines import JsonLines
from losszero_rt.pipeline.lane import Background
from losszero_rt.pipeline.live_feed import LiveStream
from losszero_rt.pipeline.live_figures import Reporter
from losszero_rt.pipeline.live_outputs import LivePage
from losszero_rt.pipeline.live_window import Window
from losszero_rt.pipeline.progress import Progress
from losszero_rt.pipeline.recording import Recording
from losszero_rt.pipeline.signal_history import SignalHistory, no_signal_line
from losszero_rt.stopping import StopSwitch
from losszero_rt.timings import now_s

Ending = Literal["", "signal", "duration", "size", "window", "page", "failure"]

_LOOK_PERIOD_S = 0.04
_PUBLISH_PERIOD_S = 0.2
# A source that gives frames ends with the first one beyond the duration, on a busy machine a little
# later than by the clock. One that gives none ends by the clock.
_GRACE_S = 0.5


class LiveWatch:
    """Looks after a run; :meth:`look` is called for every frame and whenever none comes.

    Args:
        source: The source.
        stop: Set by signals of the system.
        progress: Hears of the signal and of warnings.
        reporter: Makes the figures for viewers.
        page: Is told the figures.
        server: The thread that serves the page.
        window: Is kept alive, and says when there is no signal.
        recording: Is measured where it may have so many bytes only.
        max_bytes: The run ends when the recording has as many; None for no limit.
        duration_s: Length of the run from its first shown frame on, seconds; None for no limit.
            It is a little more where no frame comes, which would end it by its time.
        alone: Whether the page is all that anybody sees of the run.
        sole_lines: The JSON lines, where they are all that is left of the run.

    Attributes:
        history: What became of the signal.
        ending: Why the run was ended; empty while it goes on, and when the source ended by itself.
        failure: Why the page is served no more; None while it is.
        most_viewers: Largest number of viewers at one time.
    """

    def __init__(
        self,
        source: LiveStream,
        *,
        stop: StopSwitch,
        progress: Progress,
        reporter: Reporter,
        page: LivePage | None,
        server: Background | None,
        window: Window | None,
        recording: Recording | None,
        max_bytes: float | None,
        duration_s: float | None,
        alone: bool,
        sole_lines: JsonLines | None = None,
    ) -> None:
        self._source, self._stop, self._progress = source, stop, progress
        self._reporter, self._page, self._server = reporter, page, server
        self._window, self._duration_s, self._alone = window, duration_s, alone
        self._recording, self._max_bytes = recording, max_bytes
        self._sole_lines = sole_lines
        self._start_s = now_s()
        self._has_shown = False
        self._looked_s = self._published_s = 0.0
        self._num_told = 0
        self.history = SignalHistory()
        self.ending: Ending = ""
        self.failure: OutputError | None = None
        self.most_viewers = 0

    def on_shown(self) -> None:
        """Hear that a frame has been shown."""
        if not self._has_shown:
            self._has_shown = True
            self._start_s = now_s()
        self.look()

    def look(self) -> None:
        """Do what is due. Cheap: most calls find nothing."""
        now = now_s()
        if now - self._looked_s < _LOOK_PERIOD_S:
            return
        self._looked_s = now
        self._tell()
        if self._window is not None:
            self._look_at_window(self._window, signal=self._source.signal)
        if self._page is not None and now - self._published_s >= _PUBLISH_PERIOD_S:
            self._published_s = now
            self.publish()
        self._end_if_due(now)

    def finish(self) -> None:
        """Take in how it ended, and let viewers know."""
        if not self.ending and self._stop.is_set:
            self.ending = "signal"
        self._tell()
        self.publish()

    def publish(self) -> None:
        """Tell the page the figures as they are now."""
        if self._page is not None and self.failure is None:
            self.most_viewers = max(self.most_viewers, self._page.num_viewers)
            self._page.publish(self._reporter.status())

    def _tell(self) -> None:
        """Say what a person should know about the signal, and warnings of the source, once."""
        line = self.history.look(self._source.signal)
        if line:
            self._progress.warn(line)
        for warning in self._source.warnings[self._num_told :]:
            self._num_told += 1
            self._progress.warn(warning)

    def _look_at_window(self, window: Window, *, signal: Signal) -> None:
        if signal.state in ("stalled", "reconnecting"):
            window.say(no_signal_line(signal))
        window.pump()

    def _end_if_due(self, now: float) -> None:
        if self.ending:
            return
        self.ending = self._why_to_end(now)
        if self.ending:
            self._source.stop()

    def _why_to_end(self, now: float) -> Ending:
        if self._stop.is_set:
            return "signal"
        if self._window is not None and not self._window.is_open:
            return "window"
        if self._duration_s is not None and now - self._start_s >= self._duration_s + _GRACE_S:
            return "duration"
        if self._sole_lines is not None and self._sole_lines.failure is not None:
            return "failure"  # which the pipeline has taken note of
        if self._is_recording_full:
            return "size"
        if self._server is not None and not self._server.is_running and self.failure is None:
            self.failure = OutputError(f"the page is served no more: {self._server.error}")
            self._progress.warn(str(self.failure))
        return "page" if self.failure is not None and self._alone else ""

    @property
    def _is_recording_full(self) -> bool:
        if self._recording is None or self._max_bytes is None:
            return False
        return self._recording.num_bytes >= self._max_bytes
