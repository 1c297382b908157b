"""What a live run does while no frame comes: it looks up, and it does not wait for ever to end."""

from collections.abc import Callable, Iterator

from losszero_rt.pipeline.batcher import Batch
from losszero_rt.pipeline.lane import Lane
from losszero_rt.timings import now_s

# How often a live run looks up while no frame comes.
IDLE_S = 0.1
# How long a source may take to end once it was told to. Libraries look up once a second where they
# can be interrupted at all; whoever resolves a name or opens a stream never does.
STOP_PATIENCE_S = 1.5


class Idling:
    """Looks up whenever no frame came for a while.

    Args:
        on_idle: What to do then.
        should_stop: Whether the run was told to end.
        cut: Ends the stream where it is; called once, when the source did not end by itself.
    """

    def __init__(
        self,
        on_idle: Callable[[], None],
        *,
        should_stop: Callable[[], bool],
        cut: Callable[[], None],
    ) -> None:
        self._on_idle, self._should_stop, self._cut = on_idle, should_stop, cut
        self._asked_at_s: float | None = None
        self._is_cut = False

    def look(self) -> None:
        """Look up."""
        self._on_idle()
        if self._is_cut or not self._should_stop():
            return
        if self._asked_at_s is None:
            self._asked_at_s = now_s()
        elif now_s() - self._asked_at_s >= STOP_PATIENCE_S:
            self._is_cut = True
            self._cut()


def polled(
    computed: Lane[Batch],
    *,
    on_idle: Callable[[], None] | None,
    should_stop: Callable[[], bool],
    cut: Callable[[], None],
) -> Iterator[Batch]:
    """Yield the batches, and look up whenever there was none with a frame for a while.

    Args:
        computed: Where they come from.
        on_idle: As for :class:`Idling`; None never looks up.
        should_stop: As for :class:`Idling`.
        cut: As for :class:`Idling`.
    """
    idling = None if on_idle is None else Idling(on_idle, should_stop=should_stop, cut=cut)
    heard_at_s = now_s()
    for batch in computed.polled(None if idling is None else IDLE_S):
        if batch is not None:
            yield batch
        if batch is not None and batch.frames:
            heard_at_s = now_s()
        elif idling is not None and (batch is None or now_s() - heard_at_s >= IDLE_S):
            idling.look()
            heard_at_s = now_s()
