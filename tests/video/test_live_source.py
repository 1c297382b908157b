"""Live sources without a network: filter graphs at real-time pace stand in for cameras."""

import threading
import time
from itertools import pairwise

import pytest

from losszero_rt.errors import ExitCode, InputError
from losszero_rt.frame import Frame
from losszero_rt.timings import now_s
from tests.video.live_reading import open_live, read_until, seconds_to_stop, take


@pytest.mark.usefixtures("no_leaks")
def test_frames_come_at_the_pace_of_the_source() -> None:
    source = open_live("lavfi:testsrc2=size=320x240:rate=30")
    first = take(source, 1)[0]
    frames = [first, *take(source, 45)]
    source.close()
    assert [frame.index for frame in frames] == list(range(46))
    assert [frame.pts for frame in frames] == [index * 3000 for index in range(46)]
    assert source.info.time_base == frames[0].time_base
    captured_s = [frame.captured_at_s or 0.0 for frame in frames]
    assert captured_s[-1] - captured_s[0] >= 45 / 30 * 0.98
    assert all(f.captured_at_s is not None and f.captured_at_s <= f.decoded_at_s for f in frames)
    assert source.info.size == (240, 320)
    assert source.rate_declared == source.info.rate_declared == 30


def test_without_pace_frames_come_as_fast_as_they_can() -> None:
    source = open_live("lavfi:testsrc2=size=64x64:rate=30", realtime=False)
    frames = take(source, 300)
    source.close()
    assert (frames[-1].captured_at_s or 0) - (frames[0].captured_at_s or 0) < 300 / 30 / 2


def test_finite_source_ends_by_itself() -> None:
    source = open_live("lavfi:testsrc2=size=64x64:rate=30:duration=0.5")
    assert source.signal.state == "live"
    items = list(source)
    assert [item.index for item in items] == list(range(15))
    assert (source.signal.state, source.signal.reason) == ("ended", "the source has ended")
    source.close()


def test_odd_sizes_are_padded_and_colours_converted() -> None:
    source = open_live("lavfi:color=c=red:size=33x35:rate=50,format=rgb24")
    frame = take(source, 1)[0]
    source.close()
    assert frame.planes.size == source.info.size == (36, 34)
    assert source.info.coded_size == (35, 33)
    assert any("padded" in note for note in source.info.notes)


@pytest.mark.usefixtures("no_leaks")
def test_stop_ends_the_iteration_from_another_thread() -> None:
    source = open_live("lavfi:testsrc2=size=64x64:rate=1")
    assert seconds_to_stop(source, when=lambda: source._num_read > 1) < 2
    assert (source.signal.state, source.signal.reason) == ("ended", "stopped")
    source.close()
    source.close()


def test_closing_while_frames_are_left_ends_the_iteration() -> None:
    source = open_live("lavfi:testsrc2=size=64x64:rate=100")
    kept = take(source, 3)[-1]
    source.close()
    assert not [item for item in source if isinstance(item, Frame)]
    assert kept.planes.y.mean() > 0


def test_attributes_can_be_read_while_another_thread_iterates() -> None:
    source = open_live("lavfi:testsrc2=size=64x64:rate=200")
    thread = threading.Thread(target=lambda: list(source))
    thread.start()
    until_s, rates = time.monotonic() + 30, [0.0]
    while rates[-1] < 100 and time.monotonic() < until_s:
        rates.append(source.rate_measured_fps)
        assert source.signal.state == "live"
    source.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert rates[-1] == pytest.approx(200, rel=0.5)
    source.close()


@pytest.mark.slow
def test_camera_that_lengthens_its_exposure_keeps_true_times_and_is_noted() -> None:
    # From two seconds on every second frame is missing, as at night.
    graph = "lavfi:testsrc2=size=64x64:rate=30,select='lt(t,1)+not(mod(n,2))'"
    source = open_live(graph)
    items = read_until(source, lambda: bool(source.warnings))
    source.close()
    times = [item.pts for item in items if isinstance(item, Frame)]
    steps = {after - before for before, after in pairwise(times)}
    assert steps == {3000, 6000}
    assert times[-1] / 90_000 >= 6
    warning = source.warnings[0]
    assert "of 30 FPS: long exposure in low light?" in warning
    given = float(warning.removeprefix("camera gives ").split()[0])
    assert 10 <= given <= 16
    assert source.rate_declared == 30


@pytest.mark.slow
def test_slow_reader_does_not_make_a_backlog() -> None:
    source = open_live("lavfi:testsrc2=size=64x64:rate=50")
    take(source, 2)
    time.sleep(2)
    late = take(source, 1)[0]
    source.close()
    assert now_s() - (late.captured_at_s or 0.0) < 1


@pytest.mark.parametrize(
    ("graph", "why"),
    [
        ("nonsense=1", "no such filter|not a filter graph"),
        ("sine", "no video in it"),
        ("testsrc2=size=100x100", "100x100 pixels.*at most 9999"),
    ],
)
def test_graphs_that_make_no_fitting_pictures_are_refused(graph: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        open_live(f"lavfi:{graph}", max_pixels=9999)
    assert caught.value.exit_code == ExitCode.INPUT


@pytest.mark.slow
def test_graph_of_a_picture_in_seven_seconds_is_not_run_through() -> None:
    source = open_live("lavfi:testsrc2=size=96x64:rate=1/7")
    begun_s = time.monotonic()
    first, second = take(source, 2)
    source.close()
    assert time.monotonic() - begun_s > 6
    assert (second.pts - first.pts) / 90_000 == pytest.approx(7)
