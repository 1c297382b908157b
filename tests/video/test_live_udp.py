"""MPEG transport streams over UDP, sent by a process of its own."""

import signal
import threading
import time
from itertools import pairwise

import pytest

from losszero_rt.errors import InputError
from losszero_rt.frame import Frame, LostFrame
from losszero_rt.timings import now_s
from tests.media import read_index
from tests.video.live_media import udp_sender
from tests.video.live_reading import open_live, read_until, seconds_to_stop
from tests.video.live_servers import refused_port


@pytest.mark.slow
@pytest.mark.usefixtures("no_leaks")
def test_stream_is_entered_at_a_key_frame_and_left_when_it_stops() -> None:
    port = refused_port()
    with udp_sender(port) as sender:
        source = open_live(f"udp://127.0.0.1:{port}", read_timeout_s=1)
        items = read_until(source, lambda: source._num_read >= 60)
        frames = [item for item in items if not isinstance(item, LostFrame)]
        lost = [item for item in items if isinstance(item, LostFrame)]
        first = read_index(frames[0].planes)
        assert first % 15 == 0
        assert all((item.fate, item.reason) == ("dropped", "prekey") for item in lost)
        assert [item.index for item in items] == list(range(len(items)))
        indices = [read_index(frame.planes) for frame in frames]
        assert indices == list(range(first, first + len(frames)))
        assert [frame.pts for frame in frames] == [3000 * (i - first) for i in indices]
        sender.kill()
        took_s = seconds_to_stop(source, when=lambda: source.signal.state == "stalled")
        source.close()
    assert took_s < 2


@pytest.mark.slow
@pytest.mark.usefixtures("no_leaks")
def test_silence_is_counted_from_the_last_bytes_and_not_from_when_it_was_noticed() -> None:
    port = refused_port()
    with udp_sender(port) as sender:
        source = open_live(f"udp://127.0.0.1:{port}", read_timeout_s=2)
        items = read_until(source, lambda: source._num_read >= 45)
        sender.send_signal(signal.SIGSTOP)
        stopped_s = now_s()
        threading.Timer(4, sender.send_signal, (signal.SIGCONT,)).start()
        items += read_until(source, lambda: source._num_read >= 100)
        source.close()
    frames = [item for item in items if isinstance(item, Frame)]
    steps_s = [(b.pts - a.pts) / 90_000 for a, b in pairwise(frames)]
    assert max(steps_s) >= 3.9, "the recording keeps the gap"
    silent = next(index for index, step_s in enumerate(steps_s) if step_s == max(steps_s))
    captured_s = frames[silent].captured_at_s
    assert captured_s is not None
    assert captured_s < stopped_s + 0.5, "it came with the last bytes"


def test_port_without_a_stream_is_told() -> None:
    begun_s = time.monotonic()
    with pytest.raises(InputError, match="silent"):
        open_live(f"udp://127.0.0.1:{refused_port()}", open_timeout_s=1)
    assert time.monotonic() - begun_s < 10


def test_address_of_another_machine_is_told() -> None:
    with pytest.raises(InputError, match="not of this machine"):
        open_live("udp://192.0.2.1:5000", open_timeout_s=1)


@pytest.mark.slow
def test_stream_whose_key_frames_are_far_apart_is_told_from_silence() -> None:
    port = refused_port()
    with udp_sender(port, group=900), pytest.raises(InputError, match="no key frame came in time"):
        open_live(f"udp://127.0.0.1:{port}", open_timeout_s=2)
