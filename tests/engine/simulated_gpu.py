"""A GPU for tests without one: work is queued on streams and done late, in any order they allow.

What CUDA promises is kept (one stream works in order, an event waits for what was recorded before
it) and nothing more: an engine that forgets to wait, or fills a buffer too early, gives wrong
labels here.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

aten = torch.ops.aten
# What allocates or looks without reading, and so happens at once.
AT_ONCE = (aten.empty.memory_format, aten.select.int, aten.slice.Tensor, aten.view.default)


class Marker:
    """One recording of an event."""

    def __init__(self) -> None:
        self.is_reached = False


class SimulatedStream:
    """A queue of work."""

    def __init__(self, gpu: "SimulatedGpu") -> None:
        self.gpu = gpu
        self.work: deque[tuple[Marker | None, Callable[[], object]]] = deque()

    def add(self, work: Callable[[], object], *, behind: Marker | None = None) -> None:
        self.work.append((behind, work))

    @property
    def can_go_on(self) -> bool:
        return bool(self.work) and (self.work[0][0] is None or self.work[0][0].is_reached)

    def step(self) -> None:
        _, work = self.work.popleft()
        work()

    def wait_event(self, event: "SimulatedEvent") -> None:
        self.add(lambda: None, behind=event.marker)

    def synchronize(self) -> None:
        self.gpu.work_until(lambda: not self.work)


class SimulatedEvent:
    """A point in a stream."""

    def __init__(self, gpu: "SimulatedGpu", *, enable_timing: bool, blocking: bool) -> None:
        self.gpu = gpu
        self.is_timed = enable_timing
        self.is_blocking = blocking
        self.marker: Marker | None = None

    def record(self, stream: SimulatedStream) -> None:
        marker = self.marker = Marker()
        stream.add(lambda: setattr(marker, "is_reached", True))

    def synchronize(self) -> None:
        marker = self.marker
        assert marker is not None, "recorded before"
        self.gpu.work_until(lambda: marker.is_reached)

    def elapsed_time(self, end: "SimulatedEvent") -> float:
        assert self.is_timed, "only timed events tell the time"
        assert end.is_timed, "only timed events tell the time"
        assert end.marker is not None
        assert end.marker.is_reached, "the end was waited for"
        return 1.5


class SimulatedGpu(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Queues every operation made inside ``torch.cuda.stream``; does the rest at once."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.random = random.Random(seed)
        self.streams: list[SimulatedStream] = []
        self.current: SimulatedStream | None = None
        self.num_allocations = 0
        self.broken = ""

    def new_stream(self, _: object) -> SimulatedStream:
        self.streams.append(SimulatedStream(self))
        return self.streams[-1]

    def new_event(self, *, enable_timing: bool, blocking: bool) -> SimulatedEvent:
        return SimulatedEvent(self, enable_timing=enable_timing, blocking=blocking)

    @contextmanager
    def on_stream(self, stream: SimulatedStream) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    def work_until(self, is_over: Callable[[], bool]) -> None:
        """Do queued work in some order that is allowed, until something is so."""
        if self.broken:
            raise RuntimeError(self.broken)
        with torch.inference_mode():
            while not is_over():
                ready = [stream for stream in self.streams if stream.can_go_on]
                assert ready, "every stream waits for ever"
                self.random.choice(ready).step()

    def synchronize(self, _: object = None) -> None:
        self.work_until(lambda: not any(stream.work for stream in self.streams))

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        self.num_allocations += func is aten.empty.memory_format
        if self.current is None or func in AT_ONCE:
            return func(*args, **kwargs)
        if self.broken:
            raise RuntimeError(self.broken)
        if func._schema.is_mutable:
            self.current.add(lambda: func(*args, **kwargs))
            return args[0]
        # What memory holds by now says the shapes; the work itself is done later.
        early = func(*args, **kwargs)
        if not places_of(early) & places_of((args, kwargs)):
            self.current.add(lambda: write(early, func(*args, **kwargs)))
        return early


def places_of(tree: object) -> set[int]:
    """Where the tensors among some values lie; a view lies where its base does."""
    found = (one for one in tree_leaves(tree) if isinstance(one, torch.Tensor))
    return {one.untyped_storage().data_ptr() for one in found if one.numel()}


def write(targets: object, results: object) -> None:
    for target, result in zip(tree_leaves(targets), tree_leaves(results), strict=True):
        target.copy_(result)


@contextmanager
def simulated(gpu: SimulatedGpu, patch: pytest.MonkeyPatch) -> Iterator[SimulatedGpu]:
    """Put a simulated GPU in the place of CUDA; its memory is the host's."""
    patch.setattr(torch.cuda, "Stream", gpu.new_stream)
    patch.setattr(torch.cuda, "Event", gpu.new_event)
    patch.setattr(torch.cuda, "stream", gpu.on_stream)
    patch.setattr(torch.cuda, "synchronize", gpu.synchronize)
    with gpu:
        yield gpu
