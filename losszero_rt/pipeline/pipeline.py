"""The main loop: decode and compute on lanes of their own, paint and encode here.

    source -> [decode lane] -> [compute lane: resize, submit] -> labels, paint, encode, mux

The loop runs on the caller's thread. Whatever fails first, in any stage, ends the run: lanes are
closed from the source down, which wakes and joins every thread, and the error goes to the caller.

A live source has a :class:`~losszero_rt.pipeline.flow.Flow`. Then as little as possible lies
between capture and painting: few decoded frames wait, and a frame is taken from them only when the
engine has a request free for it. The stages still overlap.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from operator import methodcaller

import numpy as np

from losszero_rt.engine import Engine
from losszero_rt.errors import LossZeroError
from losszero_rt.frame import Cargo, Frame, LostFrame, StreamItem
from losszero_rt.ledger import Ledger
from losszero_rt.objects import Objects
from losszero_rt.overlay import class_shares
from losszero_rt.pipeline.batcher import Batch, Batcher
from losszero_rt.pipeline.flow import Admission, Flow, captured_at_s
from losszero_rt.pipeline.idling import STOP_PATIENCE_S, polled
from losszero_rt.pipeline.lane import JOIN_TIMEOUT_S, Lane, Permits
from losszero_rt.pipeline.outlets import Outlet, StageTimes
from losszero_rt.pipeline.overflows import Overflows, settled
from losszero_rt.pipeline.painter import LiveLine
from losszero_rt.pipeline.placing import on_picture
from losszero_rt.pipeline.ports import PicturePainter, Sink
from losszero_rt.pipeline.report import Meter
from losszero_rt.pipeline.saving import Saving
from losszero_rt.preprocess import InputSpec
from losszero_rt.timings import now_s

# Decoded pictures that may wait. Measured on 1080p: two cost 6 % of the rate, and sixteen gain
# nothing over four but twice the latency. Packets of sound between them hardly weigh.
DECODED_FRAMES = 4
DECODED_ITEMS = 256
DECODED_BYTES = 64 * 2**20
COMPUTED_BYTES = 128 * 2**20
# Frames lost in a live run weigh nothing, but half an hour of them in one queue is enough.
LOST_ITEMS = 2**16


class Pipeline:
    """Runs one source through the engine into a sink and outlets.

    Args:
        engine: Maps network input to labels.
        spec: Maps frames to network input.
        meter: Takes the measurements.
        ledger: Counts what becomes of the frames of this source.
        num_requests: Submissions that the engine allows under way.
        num_classes: Classes of the labels.
        frame_bytes: Size of one decoded frame.
        should_stop: Asked before every frame, and while none comes; True ends reading.
        flow: How a live source chooses among its frames; None for a file, which shows them all.

    Attributes:
        left_alone: Whether the last source did not end in time, so that its thread was left alone.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        spec: InputSpec,
        meter: Meter,
        ledger: Ledger,
        num_requests: int,
        num_classes: int,
        frame_bytes: int,
        should_stop: Callable[[], bool],
        flow: Flow | None = None,
    ) -> None:
        self._batcher = Batcher(engine, spec=spec, num_requests=num_requests)
        self._input_size = spec.size
        self._meter = meter
        self._ledger = ledger
        # One ticket is held by the compute lane, one by this loop.
        self._computed_items = max(1, num_requests - 2) if flow is None else LOST_ITEMS
        self._num_requests = num_requests
        self._num_classes = num_classes
        num_waiting = DECODED_FRAMES if flow is None else flow.num_waiting
        # Half a frame more, so that sound in the queue does not take a frame's place.
        self._decoded_bytes = min(DECODED_BYTES, (2 * num_waiting + 1) * frame_bytes // 2)
        self._should_stop = should_stop
        self._flow = flow
        self._admission: Admission | None = None
        self._permits: Permits | None = None
        self._since_s: dict[int, float] = {}
        self.left_alone = False
        self._failures: list[LossZeroError] = []
        self._overflows = Overflows()
        self._line: LiveLine | None = None
        self._saving = Saving((), sink=None)

    def run(
        self,
        items: Iterable[StreamItem],
        *,
        sink: Sink | None,
        painter: PicturePainter | None,
        line: LiveLine,
        outlets: list[Outlet],
        interrupt: Callable[[], None] | None = None,
        on_idle: Callable[[], None] | None = None,
    ) -> list[LossZeroError]:
        """Process a source to its end, or until a stop is requested.

        Args:
            items: The source.
            sink: Where painted frames go; needs a ``painter``.
            painter: Draws the frames.
            line: Figures drawn on the frames.
            outlets: Other takers of labels; one that fails is taken off this list.
            interrupt: Ends a read that the source is blocked in; called once, when the run ends,
                however it ends.
            on_idle: Called on the caller's thread whenever no frame came for a tenth of a second.

        Returns:
            The errors of outlets that failed.
        """
        self._line, self._saving = line, Saving(outlets, sink=sink)
        self._since_s.clear()
        self._failures, self._overflows = [], Overflows()
        with ExitStack() as ending:
            ending.callback(self._batcher.collect)
            decoded = self._decode(items, interrupt=interrupt)
            if self._flow is not None:
                self._permits = Permits(self._num_requests)
                # Only frames weigh: what was lost on the way does not.
                self._admission = Admission(self._flow, has_newer=lambda: decoded.queued_bytes > 0)
            computed = Lane(
                lambda: self._compute(decoded),
                name="compute",
                max_items=self._computed_items,
                max_bytes=COMPUTED_BYTES,
            )
            ending.callback(computed.close)
            if self._permits is not None:
                ending.callback(self._permits.close)
            ending.callback(self._leave, decoded)
            cut, should_stop = decoded.cut, self._should_stop
            for batch in polled(computed, on_idle=on_idle, should_stop=should_stop, cut=cut):
                self._finish(batch, sink=sink, painter=painter, outlets=outlets)
            self._overflows.end()
        self._tell(outlets, lambda outlet: outlet.close())
        return self._failures

    def on_muxed(self, pts: int, handed_at_s: float) -> None:
        """Hear from the sink that a frame was handed to the muxer."""
        since_s = self._since_s.pop(pts, None)
        if since_s is not None and self._line is not None:
            latency_ms = self._meter.hand_on(since_s=since_s, handed_at_s=handed_at_s)
            self._line.note(handed_s=handed_at_s, latency_ms=latency_ms)

    def _decode(
        self, items: Iterable[StreamItem], *, interrupt: Callable[[], None] | None
    ) -> Lane[StreamItem]:
        on_full = None if self._flow is None else self._flow.on_full
        return Lane(
            lambda: self._read(items),
            name="decode",
            max_items=DECODED_ITEMS if on_full is None else LOST_ITEMS,
            max_bytes=self._decoded_bytes,
            on_full=on_full,
            on_put=self._enter,
            interrupt=interrupt,
        )

    def _enter(self, item: StreamItem) -> None:
        if not isinstance(item, Cargo):
            self._ledger.enter()

    def _leave(self, decoded: Lane[StreamItem]) -> None:
        patience_s = JOIN_TIMEOUT_S if self._flow is None else STOP_PATIENCE_S
        self.left_alone = not decoded.close(timeout_s=patience_s)

    def _compute(self, decoded: Lane[StreamItem]) -> Iterator[Batch]:
        if self._admission is None or self._permits is None:
            return self._batcher.batches(decoded)
        admitted = self._admission.admitted(decoded)
        return self._batcher.batches_of_one(admitted, permits=self._permits)

    def _read(self, items: Iterable[StreamItem]) -> Iterator[StreamItem]:
        for item in items:
            yield item
            if self._should_stop() or self._saving.has_failed:
                return

    def _finish(
        self,
        batch: Batch,
        *,
        sink: Sink | None,
        painter: PicturePainter | None,
        outlets: list[Outlet],
    ) -> None:
        labels_NHW, lost = self._overflows.labels_of(batch)
        if self._permits is not None and batch.ticket is not None:
            self._permits.give()
        shared_ms: StageTimes = {"preprocess": batch.preprocess_ms, "infer": 0.0}
        if batch.ticket is not None:
            shared_ms["infer"] = batch.ticket.infer_ms / len(batch.frames)
        for item, row in settled(batch, lost=lost, admission=self._admission):
            if isinstance(item, Frame):
                assert labels_NHW is not None, "frames without labels were exchanged"
                labels_HW = batch.placements[row].crop(labels_NHW[row], input_size=self._input_size)
                objects, cam_hw = self._extras(batch, row)
                stage_ms: StageTimes = {"decode": item.decode_ms, **shared_ms}
                self._show(item, labels_HW, objects, cam_hw, stage_ms, sink, painter, outlets)
                if self._admission is not None:
                    self._ledger.over_deadline += self._admission.learn(
                        item, admitted_at_s=batch.started_at_s, handed_at_s=now_s()
                    )
            elif isinstance(item, LostFrame):
                self._ledger.settle(item.fate, reason=item.reason)
                self._tell(outlets, methodcaller("lose", item))
            elif sink is not None:
                sink.copy(item)

    def _extras(self, batch: Batch, row: int) -> tuple[Objects | None, np.ndarray | None]:
        """Return the objects and the map of one frame of a batch, placed in its picture."""
        if batch.ticket is None:
            return None, None
        place, extras = batch.placements[row], batch.ticket.extras
        objects, cam_hw = None, None
        if extras.objects is not None:
            found, size = extras.objects[row], batch.frames[row].planes.size
            objects = on_picture(found, place=place, input_size=self._input_size, size=size)
        if extras.cams_NHW is not None:
            cam_hw = place.crop(extras.cams_NHW[row], input_size=self._input_size)
        return objects, cam_hw

    def _show(
        self,
        frame: Frame,
        labels_HW: np.ndarray,
        objects: Objects | None,
        cam_hw: np.ndarray | None,
        stage_ms: StageTimes,
        sink: Sink | None,
        painter: PicturePainter | None,
        outlets: list[Outlet],
    ) -> None:
        shares = class_shares(labels_HW, num_classes=self._num_classes)
        self._since_s[frame.pts] = captured_at_s(frame)
        stage_ms |= {"overlay": 0.0, "encode": 0.0}
        if sink is not None and painter is not None and self._line is not None:
            start_s = now_s()
            canvas = sink.canvas()
            painter.paint(
                frame.planes,
                labels_HW=labels_HW,
                shares=shares,
                objects=objects,
                cam_hw=cam_hw,
                canvas=canvas,
                line=self._line.text(num_objects=None if objects is None else len(objects)),
            )
            painted_s = now_s()
            sink.write(canvas, frame=frame)
            stage_ms |= {
                "overlay": (painted_s - start_s) * 1e3,
                "encode": (now_s() - painted_s) * 1e3,
            }
            if self._flow is not None:
                # Who watches a live run sees the picture now, however long an encoder keeps it.
                self.on_muxed(frame.pts, now_s())
        else:
            self.on_muxed(frame.pts, now_s())
        for stage, value_ms in stage_ms.items():
            self._meter.stages.add(stage, value_ms)
        self._tell(
            outlets,
            lambda outlet: outlet.take(
                frame, labels_HW=labels_HW, shares=shares, stage_ms=stage_ms, objects=objects
            ),
        )
        if self._saving.has_failed:  # it was computed, and shown to nobody
            self._ledger.settle("dropped", reason="unsaved")
        else:
            self._ledger.settle("shown")
            self._ledger.suspect += frame.suspect

    def _tell(self, outlets: list[Outlet], message: Callable[[Outlet], None]) -> None:
        """Send a message to every outlet; one that fails is remembered and left out from now on."""
        for outlet in list(outlets):
            try:
                message(outlet)
            except LossZeroError as error:
                self._failures.append(error)
                outlets.remove(outlet)
