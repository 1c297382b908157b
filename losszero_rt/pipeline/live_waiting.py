"""Waiting for a live source that is not there yet: who watches is told, and it is tried again."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Protocol, TypeVar

from losszero_rt.errors import DeniedError, InputError, OutputError
from losszero_rt.frame import StreamItem, VideoInfo
from losszero_rt.ledger import Ledger
from losszero_rt.livestate import Signal
from losszero_rt.pipeline.live_figures import LiveShares, Reporter, stream_line
from losszero_rt.pipeline.live_parts import LiveSetting
from losszero_rt.pipeline.live_window import Window
from losszero_rt.pipeline.progress import Progress
from losszero_rt.pipeline.signal_history import no_signal_line
from losszero_rt.stopping import StopSwitch
from losszero_rt.timings import now_s
from losszero_rt.video import LiveOptions
from losszero_rt.video.reconnecting import Reconnection

Source = TypeVar("Source")

_PUBLISH_PERIOD_S = 0.2
_LOOK_PERIOD_S = 0.05
_WINDOW_SIZE = (360, 640)


class Stop(Protocol):
    """The wish to end."""

    @property
    def is_set(self) -> bool:
        """Whether somebody wishes it."""
        ...


class AbsentSource:
    """Stands for a source that has not answered yet: it has a name and a signal, no picture.

    Args:
        name: Name of the source, secrets scrubbed.

    Attributes:
        signal: How it does; replaced whole on each change.
    """

    rate_measured_fps = 0.0
    rate_declared: Fraction | None = None
    warnings: Sequence[str] = ()

    def __init__(self, name: str) -> None:
        self.info = VideoInfo(
            name=name,
            size=(0, 0),
            coded_size=(0, 0),
            rate_declared=None,
            time_base=Fraction(1, 1000),
            codec="",
            pix_fmt="",
        )
        self.signal = Signal(state="connecting", since_s=now_s(), since_unix_s=time.time())

    def __iter__(self) -> Iterator[StreamItem]:
        return iter(())

    def stop(self) -> None:
        """There is nothing to stop."""


class Lobby:
    """Keeps page and window up to date until the source is there.

    Args:
        setting: The run.
        name: Name of the source, secrets scrubbed.
        stop: Ends the run when set.
        start_s: Monotonic clock when the run began, seconds.

    Attributes:
        source: Stands for the source.
    """

    def __init__(
        self, setting: LiveSetting, *, name: str, stop: StopSwitch, start_s: float
    ) -> None:
        self.source = AbsentSource(name)
        self._stop, self._page, ledger = stop, setting.page, Ledger()
        # Where the page is all that anybody sees, its end is that of the run.
        self._server = setting.server if setting.config.is_page_alone else None
        self._reporter = Reporter(
            source=self.source,
            line=stream_line(setting.engine, setting.model, ledger=ledger, source=self.source),
            ledger=ledger,
            shares=LiveShares(setting.classmap.num_classes),
            classmap=setting.classmap,
            engine=setting.engine,
            model=setting.model,
            heat=setting.heat,
            configured=setting.configured,
            start_s=start_s,
            choice=lambda: setting.configured,
        )
        self._window = None
        if setting.config.show:
            self._window = Window(f"losszero-rt {name}", info=self.source.info, size=_WINDOW_SIZE)
        self._published_s = 0.0

    def __enter__(self) -> "Lobby":
        return self

    def __exit__(self, *_: object) -> None:
        if self._window is not None:
            self._window.close()

    @property
    def is_set(self) -> bool:
        """Whether nobody waits any more: a signal of the system, or a window that was closed."""
        return self._stop.is_set or (self._window is not None and not self._window.is_open)

    def look(self) -> None:
        """Do what is due; cheap.

        Raises:
            OutputError: The page is served no more: who waits there would see nothing.
        """
        if self._server is not None and not self._server.is_running:
            raise OutputError(f"the page is served no more: {self._server.error}")
        if self._page is not None and now_s() - self._published_s >= _PUBLISH_PERIOD_S:
            self._published_s = now_s()
            self._page.publish(self._reporter.status())
        if self._window is not None:
            self._window.say(no_signal_line(self.source.signal))
            self._window.pump()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than anybody does."""
        until_s = now_s() + seconds
        while now_s() < until_s and not self.is_set:
            self.look()
            time.sleep(_LOOK_PERIOD_S)


def wait_for(
    open_it: Callable[[LiveOptions], Source | None],
    *,
    options: LiveOptions,
    lobby: Lobby,
    progress: Progress,
) -> Source | None:
    """Try a source until it first answers, as one that was lost is tried: 0.5 to 10 s apart.

    Args:
        open_it: Opens it, or returns None when the run was stopped meanwhile.
        options: How it is read.
        lobby: Where one waits.
        progress: Hears why, once a reason.

    Returns:
        The source; None when nobody waits any more.

    Raises:
        DeniedError: The source lets nobody in with what was given.
        InputError: As many attempts in a row failed as may fail.
    """
    attempts = Reconnection(
        max_attempts=options.max_reconnects, open_timeout_s=options.open_timeout_s
    )
    absent, told = lobby.source, set[str]()
    while not lobby.is_set:
        attempts.begins()
        absent.signal = replace(absent.signal, attempt=attempts.attempt)
        lobby.look()
        try:
            return open_it(replace(options, open_timeout_s=attempts.timeout_s()))
        except DeniedError:
            raise
        except InputError as error:
            attempts.went_down(now_s())
            why, reason = attempts.why_give_up(), str(error)
        if why is not None:
            raise InputError(f"{reason}; {why}", remedy=attempts.remedy())
        if reason not in told:
            told.add(reason)
            progress.warn(f"waiting: {reason}")
        absent.signal = replace(absent.signal, reason=reason)
        lobby.pause(attempts.next_wait_s())
    return None
