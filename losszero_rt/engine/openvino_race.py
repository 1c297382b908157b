"""Running compiled graphs in turn for a moment, to see which is the fastest here.

Shape letters: H, W height and width of the input.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from losszero_rt.engine.openvino_graphs import GraphSpec
from losszero_rt.timings import now_s

# Repeats go on for so long; the fastest of them is what the machine can do undisturbed.
RUN_S = 0.25
NUM_ROUNDS_MAX = 12
# However slow the machine is: one lap may fall into a busy moment.
NUM_ROUNDS_MIN = 3


@dataclass(eq=False)
class Runner:
    """A compiled graph with its requests.

    Attributes:
        compiled: The graph.
        requests: As many as a run would have under way.
        ms: Fastest time a frame so far, milliseconds.
    """

    compiled: Any
    requests: list[Any]
    ms: float = field(default=float("inf"))

    def lap(self) -> None:
        """Run every request once, all of them at the same time."""
        start_s = now_s()
        for request in self.requests:
            request.start_async()
        for request in self.requests:
            request.wait()
        self.ms = min(self.ms, (now_s() - start_s) * 1e3 / len(self.requests))


class Race:
    """Graphs that run in turn.

    Args:
        num_requests: Submissions under way at once.
        input_size: (H, W) of the input.
    """

    def __init__(self, *, num_requests: int, input_size: tuple[int, int]) -> None:
        self._num_requests = num_requests
        height, width = input_size
        # Any picture will do, but for a flat one: zeros and denormal numbers are a world apart.
        pattern = np.arange(height * width * 3, dtype=np.uint32) * 2654435761 >> 24
        self._input_HWC = pattern.astype(np.uint8).reshape(height, width, 3)
        self._runners: dict[GraphSpec, Runner] = {}
        self._longest_s = 0.0

    def enter(self, spec: GraphSpec, compile_it: Callable[[], Any]) -> None:
        """Compile one more graph and run it once, which sets up its memory."""
        start_s = now_s()
        compiled = compile_it()
        requests = [compiled.create_infer_request() for _ in range(self._num_requests)]
        for request in requests:
            request.get_input_tensor(0).data[...] = self._input_HWC
        runner = Runner(compiled, requests)
        runner.lap()
        runner.ms = float("inf")
        self._runners[spec] = runner
        self._longest_s = max(self._longest_s, now_s() - start_s)

    def has_time(self, until_s: float) -> bool:
        """Say whether one more may enter and run before a moment of the monotonic clock."""
        return now_s() + self._longest_s + RUN_S <= until_s

    def run(self, specs: list[GraphSpec]) -> None:
        """Run some of those that entered, in turn."""
        start_s, runners = now_s(), [self._runners[spec] for spec in specs]
        for number in range(NUM_ROUNDS_MAX if len(runners) > 1 else 0):
            for runner in runners:
                runner.lap()
            if number + 1 >= NUM_ROUNDS_MIN and now_s() - start_s > RUN_S:
                return

    def winner(self, specs: list[GraphSpec], *, margin: float) -> GraphSpec:
        """Return the first of some that none of them beats by more than a margin.

        Args:
            specs: Those to compare, the preferred ones first.
            margin: Share of its time by which another must be faster.
        """
        fastest_ms = min(self._runners[spec].ms for spec in specs)
        return next(s for s in specs if self._runners[s].ms * (1 - margin) <= fastest_ms)

    def compiled(self, spec: GraphSpec) -> Any:
        """Return the compiled graph of one that entered."""
        return self._runners[spec].compiled

    @property
    def ms(self) -> dict[GraphSpec, float]:
        """Milliseconds a frame of all that ran."""
        return {s: runner.ms for s, runner in self._runners.items() if np.isfinite(runner.ms)}
