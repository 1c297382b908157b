"""The line on the picture of a live run, and what is counted on the way in."""

from fractions import Fraction
from typing import Any

import pytest

from losszero_rt.errors import ModelError
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.flow import LIVE_REQUESTS
from losszero_rt.pipeline.live_feed import LiveFeed
from losszero_rt.pipeline.live_figures import StreamLine, is_dim, rates_text
from losszero_rt.pipeline.live_picture import HeatWatch
from losszero_rt.timings import now_s
from tests.pipeline.live_doubles import HeardProgress, ScriptedSource, numbered_frame

DARK = "camera gives 15 of 30 FPS: long exposure in low light?"


def line_of(source: ScriptedSource, *, ledger: Ledger | None = None) -> StreamLine:
    line = StreamLine(suffix="mIoU 0.75", ledger=ledger or Ledger(), source=source)
    start_s = now_s() - 1.0
    for number in range(21):
        line.note(handed_s=start_s + number / 20, latency_ms=40.0 + number)
    return line


def test_line_has_shown_and_given_rates_age_and_losses() -> None:
    ledger = Ledger()
    ledger.settle("late")
    ledger.settle("dropped", reason="newer")
    ledger.settle("dropped", reason="max-fps")
    text = line_of(ScriptedSource(rate_measured=29.94), ledger=ledger).text()
    assert text == "20.0 FPS  in 29.9/30  age p95 59 ms  lost 2  mIoU 0.75"


@pytest.mark.parametrize(
    ("measured", "declared", "text"),
    [(0.0, 30, ""), (14.96, None, "in 15.0  "), (29.97, Fraction(30000, 1001), "in 30.0/29.97  ")],
)
def test_rates_are_left_out_while_unknown(measured: float, declared: Any, text: str) -> None:
    source = ScriptedSource(rate_measured=measured)
    source.rate_declared = None if declared is None else Fraction(declared)
    assert rates_text(source) == text


def test_low_light_stands_in_the_line_only_while_it_lasts() -> None:
    source = ScriptedSource(rate_measured=15.0)
    assert not is_dim(source), "slow from the start is no low light"
    source.warnings.append(DARK)
    assert "LOW LIGHT?" in line_of(source).text()
    source.rate_measured_fps = 29.0
    assert "LOW LIGHT?" not in line_of(source).text()


def test_shown_rate_falls_to_zero_when_nothing_is_shown() -> None:
    line = StreamLine(suffix="", ledger=Ledger(), source=ScriptedSource())
    for number in range(100):
        line.note(handed_s=now_s() - 30 + number / 30, latency_ms=1.0)
    assert line.fps == 0
    busy = StreamLine(suffix="", ledger=Ledger(), source=ScriptedSource())
    for number in range(300):
        busy.note(handed_s=now_s() - 1 + number / 300, latency_ms=1.0)
    assert busy.fps == pytest.approx(300, rel=0.05)


def test_measured_rate_leaves_gaps_and_losses_out() -> None:
    times = [0.0, 0.1, 0.2, 7.0, 7.1, 7.2]
    frames = [numbered_frame(i, pts=round(at * 90_000)) for i, at in enumerate(times)]
    progress = HeardProgress()
    feed = LiveFeed(frames, progress=progress)
    assert feed.rate_fps == 0
    assert len(list(feed)) == progress.num_steps == 6
    assert feed.rate_fps == pytest.approx(10)


def test_rate_of_a_source_that_claims_few_frames_is_measured() -> None:
    frames = [numbered_frame(i, pts=i * 5 * 90_000) for i in range(4)]
    feed = LiveFeed(frames, progress=HeardProgress(), rate_declared=Fraction(1, 5))
    assert len(list(feed)) == 4
    assert feed.rate_fps == pytest.approx(0.2)


def test_short_gap_until_the_signal_came_back_is_no_interval() -> None:
    times = [0.0, 0.1, 0.2, 1.9, 2.0, 2.1]
    frames = [numbered_frame(i, pts=round(at * 90_000)) for i, at in enumerate(times)]
    breaks = iter([0, 0, 0, 1, 1, 1])
    feed = LiveFeed(frames, progress=HeardProgress(), num_breaks=lambda: next(breaks))
    assert len(list(feed)) == 6
    assert feed.rate_fps == pytest.approx(10)


class WatchedEngine:
    """Remembers what it was told to watch."""

    def __init__(self, *, has_maps: bool = True) -> None:
        self.watched: list[int | None] = []
        self._has_maps = has_maps

    def watch(self, class_id: int | None) -> None:
        if class_id is not None and not self._has_maps:
            raise ModelError("no maps")
        self.watched.append(class_id)


def watch_of(engine: WatchedEngine, *, configured: int | None = None) -> HeatWatch:
    return HeatWatch(engine, configured=configured)  # type: ignore[arg-type]


def test_new_class_is_drawn_once_frames_under_way_are_through() -> None:
    engine = WatchedEngine()
    heat = watch_of(engine)
    asked = [None, 3, *[3] * 10, 5, *[5] * 10]
    drawn = [heat.drawn(cam) for cam in asked]
    assert engine.watched == [0, None, None, 3, 5]
    assert drawn[1 : 1 + LIVE_REQUESTS + 1] == [None] * (LIVE_REQUESTS + 1)
    assert drawn[1 + LIVE_REQUESTS + 1] == 3
    assert drawn[12] is None, "the old maps are not drawn under the new name"
    assert drawn[-1] == 5


def test_configured_heat_stays_whatever_is_asked() -> None:
    engine = WatchedEngine()
    heat = watch_of(engine, configured=4)
    assert [heat.possible(cam) for cam in (None, 1, 4)] == [None, 4, 4]
    assert heat.drawn(None) is None
    assert heat.drawn(4) == 4
    assert engine.watched[-1] == 4


def test_model_without_maps_offers_none() -> None:
    heat = watch_of(WatchedEngine(has_maps=False))
    assert not heat.can_cam
    assert heat.possible(2) is None
