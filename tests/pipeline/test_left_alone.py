"""Live runs whose source sits in a call that nobody can interrupt: they end all the same."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.errors import ExitCode
from losszero_rt.frame import StreamItem
from losszero_rt.pipeline import live_job
from losszero_rt.pipeline.live_job import open_live
from losszero_rt.stopping import StopSwitch
from losszero_rt.timings import now_s
from losszero_rt.video import LiveOptions, parse_address
from tests.media import read_clip, read_index
from tests.pipeline.live_doubles import HeardProgress, ScriptedSource, numbered_frame
from tests.pipeline.live_runs import AS_IT_IS, run
from tests.waiting import until

# Much longer than a run may take to end, and short enough to fail in.
STUCK_S = 30.0
SOON_S = STUCK_S / 2


class StuckSource(ScriptedSource):
    """Gives frames and then hears nothing any more, until the test is over."""

    def __init__(self, *, after: int, on_stuck: Callable[[], None]) -> None:
        super().__init__()
        self._after, self._on_stuck = after, on_stuck
        self.over, self.has_let_go = threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[StreamItem]:
        items = super().__iter__()
        for _ in range(self._after):
            yield next(items)
        self._on_stuck()
        self.over.wait(STUCK_S)
        try:
            yield numbered_frame(self._after)
        finally:
            self.has_let_go.set()


@pytest.mark.slow
@pytest.mark.parametrize("why", ["signal", "duration"])
def test_run_ends_soon_with_all_that_came_before(glowing: Path, tmp_path: Path, why: str) -> None:
    out, stop, progress = tmp_path / "o.mp4", StopSwitch(), HeardProgress()

    def interrupt() -> None:
        if why == "signal":
            stop.exit_code = ExitCode.SIGTERM

    source = StuckSource(after=25, on_stuck=interrupt)
    # More than the 25 frames last: it is the clock that ends it.
    words: dict[str, Any] = {"duration_s": 1.0} if why == "duration" else {}
    start_s = now_s()
    report = run(
        source, bundle=glowing, stop=stop, progress=progress, record=out, **words, **AS_IT_IS
    )
    assert now_s() - start_s < SOON_S
    assert (report["exit_code"], report["live"]["ended_by"]) == (143 if words == {} else 0, why)
    shown = [read_index(frame.planes) for frame in read_clip(out)[1]]
    assert shown == list(range(25))
    assert report["frames"]["read"] == 25
    assert any("left alone" in line for line in progress.noted)
    source.over.set()
    until(source.has_let_go.is_set)


@pytest.mark.slow
def test_source_that_opens_after_it_was_given_up_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over, closed = threading.Event(), threading.Event()
    stop = StopSwitch()

    class LateSource:
        def __init__(self, *_: object, **__: object) -> None:
            stop.exit_code = ExitCode.SIGINT
            over.wait(STUCK_S)

        def close(self) -> None:
            closed.set()

    monkeypatch.setattr(live_job, "LiveSource", LateSource)
    options = LiveOptions()
    address = parse_address("lavfi:testsrc2", options=options)
    start_s = now_s()
    assert open_live(address, options=options, stop=stop) is None
    assert now_s() - start_s < SOON_S
    over.set()
    until(closed.is_set)
