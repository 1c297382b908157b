"""A camera, stream or screen as an endless row of frames, whatever becomes of the connection."""

import time
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Literal

from av.video.frame import VideoFrame

from losszero_rt.errors import InputError
from losszero_rt.frame import Frame, LostFrame, VideoInfo
from losszero_rt.livestate import Signal, SignalState
from losszero_rt.timings import now_s
from losszero_rt.video.addresses import Address
from losszero_rt.video.colour import colour_of
from losszero_rt.video.decoding import Picture
from losszero_rt.video.describe import live_rate_of, picture_notes
from losszero_rt.video.live_clock import LIVE_TIME_BASE, LiveClock
from losszero_rt.video.live_opening import connect
from losszero_rt.video.live_options import LiveOptions
from losszero_rt.video.live_rates import LowLight, MeasuredRate
from losszero_rt.video.live_session import FAULTS, Arrival, LiveSession
from losszero_rt.video.orientation import Orientation
from losszero_rt.video.picture import PictureMaker
from losszero_rt.video.reconnecting import Reconnection
from losszero_rt.video.refusals import is_login_refused, loss_of, no_picture, refusal_of
from losszero_rt.video.sockets import Silence
from losszero_rt.video.stop_flag import StopFlag, Stopped

LiveItem = Frame | LostFrame
OPENING_FAULTS: tuple[type[Exception], ...] = (*FAULTS, InputError)

# Sources whose rate falls in the dark; filter graphs stand in for cameras.
_EXPOSED = ("camera", "lavfi", "rtsp")


class LiveSource:
    """Reads one live source: frames and losses, for as long as it lives.

    The first picture is decoded on opening. Read on soon: what arrives in between waits, and is
    old by then. A connection that is lost is tried again, and nothing is invented meanwhile.
    Iterate in one thread; :meth:`stop` and the attributes may be used in any.

    Args:
        address: What to open.
        options: How to read it.

    Attributes:
        info: Facts of the source. All frames have its size, whatever the source changes to.
        signal: How the source does; replaced whole on each change.
        rate_declared: Frames a second that the source claims; None when it claims nothing.
        warnings: Lines a person should see; new ones are added at the end.

    Raises:
        InputError: It cannot be opened, or sends no picture in time.
    """

    info: VideoInfo
    signal: Signal

    def __init__(self, address: Address, *, options: LiveOptions | None = None) -> None:
        self.address = address
        self._options = options = options or LiveOptions()
        self._stop = StopFlag()
        self._clock, self._rate = LiveClock(), MeasuredRate()
        self._reconnection = Reconnection(
            max_attempts=options.max_reconnects, open_timeout_s=options.open_timeout_s
        )
        self.rate_declared: Fraction | None = None
        self.warnings: list[str] = []
        self._maker: PictureMaker | None = None
        self._session: LiveSession | None = None
        self._num_read = 0
        self._last_frame_s = now_s()
        self._resized = self._was_dark = False
        self._opening = True
        self._head: deque[LiveItem] = deque()
        self._signal("connecting", since_s=now_s())
        self._items = self._read()
        try:
            self._read_head(until_s=now_s() + options.open_timeout_s)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[LiveItem]:
        return self

    def __next__(self) -> LiveItem:
        return self._head.popleft() if self._head else next(self._items)

    @property
    def rate_measured_fps(self) -> float:
        """Frames a second over the last two seconds, by their times of capture."""
        return self._rate.now_fps

    def stop(self) -> None:
        """End the iteration soon; callable from any thread and from a signal handler."""
        self._stop.raised = True

    def close(self) -> None:
        """Release the source, in the thread that iterates or after it. Idempotent."""
        self.stop()
        try:
            self._items.close()
        except ValueError:
            # Another thread is still inside a connection attempt that cannot be interrupted; it
            # holds the connection, sees the flag next, and lets go of it itself.
            return
        self._disconnect()
        if self.signal.state != "ended":
            self._signal("ended", since_s=now_s(), reason="closed")

    def _read_head(self, *, until_s: float) -> None:
        """Read up to the first frame, so that the facts of the source are known."""
        for item in self._items:
            self._head.append(item)
            if isinstance(item, Frame):
                self._opening = False
                return
            if now_s() > until_s:
                break
        raise no_picture(self.address, lost=self._head)

    def _read(self) -> Generator[LiveItem, None, None]:
        fault: Exception | None = self._connect(timeout_s=self._options.open_timeout_s)
        while not self._stop.raised:
            if fault is None:
                fault = yield from self._read_session()
            if self._opening and fault is not None:
                raise refusal_of(fault, address=self.address)
            if fault is None:
                break
            fault = self._try_again(fault)
        self._disconnect()
        if self.signal.state != "ended":
            self._signal("ended", since_s=now_s(), reason="stopped")

    def _read_session(self) -> Generator[LiveItem, None, Exception | None]:
        """Yield what one connection gives; return what ended it, None when all is over."""
        session, fault = self._session, None
        assert session is not None, "only a connected source reads"
        arrivals = session.arrivals()
        while fault is None:
            try:
                arrival = next(arrivals, None)
            except FAULTS as error:
                # Its traceback would keep this connection alive until the next one is lost.
                fault = error.with_traceback(None)
                break
            if arrival is None:
                break
            yield from self._taken(arrival)
        for _ in session.lost() if fault else ():
            yield self._loss("corrupt", "undecodable")
        if isinstance(fault, EOFError) and session.finite and not self._opening:
            self._signal("ended", since_s=now_s(), reason="the source has ended")
            fault = None
        self._disconnect()
        return fault

    def _try_again(self, fault: Exception) -> Exception | None:
        """Wait and connect again; return what went wrong, None when connected or told to stop.

        Raises:
            InputError: The source is given up.
        """
        reconnection, stalled = self._reconnection, isinstance(fault, Silence)
        reason = loss_of(fault)
        reconnection.went_down(now_s(), denied=is_login_refused(fault))
        why = reconnection.why_give_up()
        if why is not None:
            self._signal("ended", since_s=now_s(), reason=f"{reason}; {why}")
            raise InputError(f"{self.address.name}: {reason}; {why}", remedy=reconnection.remedy())
        was_live = self.signal.state == "live"
        state: SignalState = "stalled" if stalled and was_live else "reconnecting"
        self._signal(state, since_s=self._last_frame_s, reason=reason)
        if not self._stop.wait(reconnection.next_wait_s()):
            return None
        reconnection.begins()
        self._signal("reconnecting", since_s=self._last_frame_s, reason=reason)
        return self._connect(timeout_s=reconnection.timeout_s())

    def _connect(self, *, timeout_s: float) -> Exception | None:
        """Open a connection; return what went wrong."""
        address, options, kind = self.address, self._options, self.address.kind
        try:
            connection = connect(address, options=options, stop=self._stop, timeout_s=timeout_s)
        except Stopped:
            return None
        except OPENING_FAULTS as error:
            return error.with_traceback(None)
        self._session = session = LiveSession(connection, options=options, stop=self._stop)
        rate = None if connection.by_arrival else live_rate_of(connection.video)
        self._clock.begin(time_base=session.time_base, rate=rate, by_arrival=connection.by_arrival)
        self.rate_declared = rate
        self._low_light = LowLight(rate if kind in _EXPOSED else None, is_remote=kind == "rtsp")
        return None

    def _disconnect(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _taken(self, arrival: Arrival) -> Iterator[LiveItem]:
        """Make frames and losses of what arrived."""
        picture = arrival.picture
        if picture is None:
            yield self._loss("dropped", "prekey")
            return
        for _ in picture.lost:
            yield self._loss("corrupt", "undecodable")
        yield self._frame(picture, arrived_s=arrival.arrived_s)

    def _loss(self, fate: Literal["corrupt", "dropped"], reason: str) -> LostFrame:
        return LostFrame(index=self._next_index(), pts=None, fate=fate, reason=reason)

    def _frame(self, picture: Picture, *, arrived_s: float) -> LiveItem:
        start_s, image = now_s(), picture.image
        maker = self._maker or self._describe(image)
        pts = self._clock.next(image.pts, arrived_s=arrived_s)
        self._note_frame(image, arrived_s=arrived_s)
        if pts is None:
            return self._loss("dropped", "non-monotonic")
        planes = maker.make(image)
        done_s = now_s()
        return Frame(
            index=self._next_index(),
            pts=pts,
            time_base=LIVE_TIME_BASE,
            planes=planes,
            decoded_at_s=done_s,
            decode_ms=picture.decode_ms + (done_s - start_s) * 1e3,
            suspect=picture.suspect,
            captured_at_s=arrived_s,
        )

    def _next_index(self) -> int:
        self._num_read += 1
        return self._num_read - 1

    def _note_frame(self, image: VideoFrame, *, arrived_s: float) -> None:
        """Keep rate, signal and warnings up to date."""
        self._last_frame_s = arrived_s
        self._rate.see(arrived_s)
        if self.signal.state != "live":
            self._reconnection.went_live(arrived_s)
            self._signal("live", since_s=arrived_s)
        dark = self._low_light.see(self._rate.at(arrived_s), moment_s=arrived_s)
        if dark is not None and not self._was_dark:
            self._was_dark = True
            self.warnings.append(dark)
        if not self._resized and (image.height, image.width) != self.info.coded_size:
            self._resized = True
            height, width = self.info.coded_size
            self.warnings.append(
                f"the picture changed to {image.width}x{image.height} at frame {self._num_read}; "
                f"scaled to {width}x{height}"
            )

    def _describe(self, first: VideoFrame) -> PictureMaker:
        assert self._session is not None, "pictures come from sessions"
        self._maker = maker = PictureMaker(
            colour=colour_of(first),
            orientation=Orientation(),
            stored_size=(first.height, first.width),
        )
        self.info = VideoInfo(
            name=self.address.name,
            size=maker.size,
            coded_size=(first.height, first.width),
            rate_declared=self.rate_declared,
            time_base=LIVE_TIME_BASE,
            codec=self._session.codec,
            pix_fmt=first.format.name,
            start_pts=0,
            matrix=maker.colour.matrix,
            full_range=maker.colour.full_range,
            primaries=maker.colour.primaries,
            transfer=maker.colour.transfer,
            sar=self._session.sar,
            notes=(*picture_notes(first, maker, Orientation()), *self._address_notes()),
        )
        return maker

    def _address_notes(self) -> Iterator[str]:
        place = self.address.place
        if place is not None and place.scheme == "rtsps":
            yield "the certificate of rtsps is not checked: cameras sign their own"

    def _signal(self, state: SignalState, *, since_s: float, reason: str = "") -> None:
        self.signal = Signal(
            state=state,
            since_s=since_s,
            since_unix_s=time.time() - (now_s() - since_s),
            reason=reason,
            attempt=self._reconnection.attempt,
            num_reconnects=self._reconnection.num_reconnects,
        )
