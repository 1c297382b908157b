"""The compute stage: frames become network inputs, inputs become tickets of the engine.

Shape letters: N frames of a batch, H, W height and width, C colour channels.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from losszero_rt.engine import Engine, PlanesEngine, Ticket
from losszero_rt.frame import Frame, StreamItem
from losszero_rt.pipeline.lane import Permits
from losszero_rt.preprocess import InputSpec, Placement
from losszero_rt.timings import now_s

# Cargo between two frames is a few packets; a stretch without frames must still flow.
MAX_ITEMS_BEHIND = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Some items of the stream, in order, with the labels of their frames under way.

    Attributes:
        items: Frames, lost frames and cargo, in stream order.
        frames: The frames among ``items``, in the order of the ticket's labels.
        placements: Where each frame lies in its network input.
        preprocess_ms: Time to make the network inputs, milliseconds a frame.
        ticket: The engine's promise of the labels; None when there is no frame.
        started_at_s: Monotonic clock when the work on its frames began.
    """

    items: tuple[StreamItem, ...]
    frames: tuple[Frame, ...]
    placements: tuple[Placement, ...]
    preprocess_ms: float
    ticket: Ticket | None
    started_at_s: float

    @property
    def nbytes(self) -> int:
        """Bytes the items hold in memory."""
        return sum(item.nbytes for item in self.items)


class Batcher:
    """Groups frames into batches and submits them, keeping the order of everything.

    Args:
        engine: Where batches go.
        spec: How a frame becomes a network input.
        num_requests: Submissions that the engine allows under way.
    """

    def __init__(self, engine: Engine, *, spec: InputSpec, num_requests: int) -> None:
        self._engine = engine
        self._spec = spec
        self._planes_engine = engine if isinstance(engine, PlanesEngine) else None
        self._latest: deque[Ticket] = deque(maxlen=num_requests)
        self._inputs_NHWC = np.zeros((engine.info.batch, *spec.size, 3), np.uint8)

    def batches(self, items: Iterable[StreamItem]) -> Iterator[Batch]:
        """Yield batches until the items end; the last may be short."""
        waiting: list[StreamItem] = []
        num_frames = 0
        for item in items:
            waiting.append(item)
            num_frames += isinstance(item, Frame)
            if num_frames == self._engine.info.batch or len(waiting) >= MAX_ITEMS_BEHIND:
                yield self._submit(waiting)
                waiting, num_frames = [], 0
        if waiting:
            yield self._submit(waiting)

    def batches_of_one(self, items: Iterable[StreamItem], *, permits: Permits) -> Iterator[Batch]:
        """Yield every item as a batch of its own, until the items end or the permits are closed.

        Nothing waits here, for company or for the engine: a frame is asked for only once a request
        is free for it, so that it is as new as can be.

        Args:
            items: The stream.
            permits: One for each submission that may be unread; whoever reads it gives it back.
        """
        stream = iter(items)
        while permits.take():
            for item in stream:
                yield self._submit([item])
                if isinstance(item, Frame):
                    break
            else:
                return

    def collect(self) -> None:
        """Wait for all submissions, so that those nobody read do not block the engine's requests.

        After a failure tickets lie in closed queues; the failure is the caller's to report.
        """
        while self._latest:
            with suppress(Exception):
                self._latest.popleft().result()

    def _submit(self, items: list[StreamItem]) -> Batch:
        frames = tuple(item for item in items if isinstance(item, Frame))
        start_s = now_s()
        if self._planes_engine is None:
            placements = tuple(
                self._spec.fill(frame.planes, self._inputs_NHWC[k])
                for k, frame in enumerate(frames)
            )
            preprocess_ms = (now_s() - start_s) * 1e3 / max(1, len(frames))
            ticket = self._engine.submit(self._inputs_NHWC[: len(frames)]) if frames else None
        else:
            # Inputs are made on the engine's own device, within the time of the submission.
            placements = tuple(self._spec.place(frame.planes.size) for frame in frames)
            planes = [frame.planes for frame in frames]
            ticket = self._planes_engine.submit_planes(planes) if planes else None
            preprocess_ms = 0.0
        if ticket is not None:
            self._latest.append(ticket)
        return Batch(
            items=tuple(items),
            frames=frames,
            placements=placements,
            preprocess_ms=preprocess_ms,
            ticket=ticket,
            started_at_s=start_s,
        )
