"""Live sources over RTSP, against a real server in a process of its own."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from losszero_rt.errors import ExitCode, InputError
from losszero_rt.frame import Frame
from losszero_rt.livestate import Signal
from losszero_rt.timings import now_s
from tests.video.live_reading import on_signal, open_live, read_until, seconds_to_stop, take
from tests.video.live_servers import RtspServer, rtsp_server, tls_in_front

pytestmark = pytest.mark.slow

PASSWORD = "p@/s:s%#x"


@pytest.fixture
def server() -> Iterator[RtspServer]:
    with rtsp_server() as started:
        yield started


@pytest.mark.usefixtures("no_leaks")
def test_frames_of_rtsp_come_live_and_in_order(server: RtspServer) -> None:
    source = open_live(server.url)
    frames = take(source, 60)
    source.close()
    times = [frame.pts for frame in frames]
    assert times[0] == 0
    assert times == sorted(set(times))
    assert times[-1] / 90_000 == pytest.approx(59 / 30, rel=0.1)
    assert source.info.size == (240, 320)
    assert source.info.codec == "h264"
    assert source.rate_declared == 30
    assert source.signal.state == "ended"


def test_picture_is_handed_out_when_its_successor_arrives(server: RtspServer) -> None:
    source = open_live(server.url)
    take(source, 30)
    ages_ms = [(f.decoded_at_s - (f.captured_at_s or 0)) * 1e3 for f in take(source, 30)]
    source.close()
    # Frame threads or reordering would hold pictures back for at least one period.
    assert sorted(ages_ms)[15] < 1000 / 30


def test_camera_that_gives_half_of_what_it_declares_is_noted() -> None:
    with rtsp_server(drop="0.5") as server:
        source = open_live(server.url)
        read_until(source, lambda: bool(source.warnings))
        source.close()
    (warning,) = source.warnings
    assert source.rate_declared == 30
    assert 8 <= float(warning.removeprefix("camera gives ").split()[0]) <= 20
    assert "of 30 FPS: long exposure in low light, or frames lost on the way?" in warning


@pytest.mark.parametrize("scheme", ["basic", "digest"])
def test_login_is_tried_and_told_apart_from_a_wrong_path(scheme: str) -> None:
    with rtsp_server(auth=scheme, password=PASSWORD) as server:
        place = f"127.0.0.1:{server.port}/live"
        source = open_live(f"rtsp://rider:{quote(PASSWORD, safe='')}@{place}")
        assert take(source, 1)
        source.close()
        assert source.info.name == f"rtsp://***@{place}"
        with pytest.raises(InputError, match="wants a user name and password"):
            open_live(f"rtsp://{place}")
        with pytest.raises(InputError, match="user name or password are wrong"):
            open_live(f"rtsp://rider:wrong-secret@{place}")
        with pytest.raises(InputError, match=r"no such stream \(404\)") as caught:
            open_live(f"rtsp://rider:{quote(PASSWORD, safe='')}@{place}/other")
    assert caught.value.exit_code == ExitCode.INPUT
    assert "rider" not in str(caught.value)


@pytest.mark.usefixtures("no_leaks")
def test_lost_server_is_tried_again_and_the_gap_is_kept(server: RtspServer) -> None:
    source = open_live(server.url)
    take(source, 15)
    server.kill()
    lost_s = now_s()
    server.start(size="160x120")
    # What was still on its way comes first.
    items = read_until(
        source, lambda: source.signal.num_reconnects == 1 and source.signal.state == "live"
    )
    gap_s = now_s() - lost_s
    frames = [items[-1], *take(source, 10)]
    source.close()
    first = frames[0]
    assert isinstance(first, Frame)
    before = [item for item in items[:-1] if isinstance(item, Frame)]
    last_pts = before[-1].pts if before else 14 * 3000
    assert 0.3 < (first.pts - last_pts) / 90_000 < gap_s + 1
    assert {f.planes.size for f in frames if isinstance(f, Frame)} == {(240, 320)}
    assert len([w for w in source.warnings if "changed to 160x120" in w]) == 1
    assert source.signal.num_reconnects == 1


def test_silent_server_counts_as_stalled_and_comes_back(server: RtspServer) -> None:
    source = open_live(server.url, read_timeout_s=1)
    take(source, 10)
    seen: list[Signal] = []
    noticed_s: list[float] = []

    def wake(signal: Signal) -> None:
        seen.append(signal)
        noticed_s.append(now_s())
        if signal.state == "reconnecting":
            server.resume()

    on_signal(source, wake)
    server.pause()
    read_until(source, lambda: bool(seen) and seen[-1].state == "live")
    source.close()
    assert [signal.state for signal in seen[:2]] == ["stalled", "reconnecting"]
    assert seen[0].reason == "silence"
    # The signal went with the last picture, not when its absence was noticed.
    assert seen[0].since_s == seen[1].since_s <= noticed_s[0] - 1
    assert noticed_s[1] - noticed_s[0] >= 0.5


def test_rtsp_over_udp(server: RtspServer) -> None:
    source = open_live(server.url, rtsp_transport="udp", read_timeout_s=60)
    times = [frame.pts for frame in take(source, 45)]
    assert times == sorted(set(times))
    server.pause()
    begun_s = time.monotonic()
    assert seconds_to_stop(source, when=lambda: time.monotonic() - begun_s > 0.5) < 2
    source.close()


def test_rtsp_under_tls(server: RtspServer, tmp_path: Path) -> None:
    with tls_in_front(server.port, tmp_path) as port:
        source = open_live(f"rtsps://127.0.0.1:{port}/live")
        assert take(source, 5)
        assert any("certificate" in note for note in source.info.notes)
        source.close()


@pytest.mark.usefixtures("no_leaks")
def test_stop_gets_through_to_a_silent_read(server: RtspServer) -> None:
    source = open_live(server.url, read_timeout_s=60)
    take(source, 10)
    server.pause()
    begun_s = time.monotonic()
    took_s = seconds_to_stop(source, when=lambda: time.monotonic() - begun_s > 1.5)
    source.close()
    assert took_s < 2


def test_stop_gets_through_to_an_attempt_at_a_silent_server(server: RtspServer) -> None:
    source = open_live(server.url, read_timeout_s=0.5)
    take(source, 5)
    server.pause()
    tried_s: list[float] = []
    on_signal(source, lambda signal: tried_s.append(now_s()))
    # Well into the attempt that follows the first wait.
    took_s = seconds_to_stop(
        source, when=lambda: source.signal.state == "reconnecting" and now_s() > tried_s[-1] + 0.5
    )
    source.close()
    assert took_s < 2


def test_stop_gets_through_while_waiting_to_reconnect(server: RtspServer) -> None:
    source = open_live(server.url)
    take(source, 5)
    server.kill()
    took_s = seconds_to_stop(source, when=lambda: source.signal.state == "reconnecting")
    source.close()
    assert took_s < 2


def test_source_is_given_up_after_max_reconnects(server: RtspServer) -> None:
    source = open_live(server.url, max_reconnects=2)
    take(source, 5)
    server.kill()
    with pytest.raises(InputError, match="gave up after 2 failed attempts") as caught:
        take(source, 1000)
    assert caught.value.exit_code == ExitCode.INPUT
    assert source.signal.state == "ended"
    assert "gave up" in source.signal.reason
    source.close()


def test_server_that_comes_and_goes_all_the_time_is_given_up(server: RtspServer) -> None:
    source = open_live(server.url)

    def lost_again_and_again() -> None:
        for _ in range(12):
            take(source, 20)
            server.kill()
            server.start()

    with pytest.raises(InputError, match="gave up: lost 6 times within 60 s") as caught:
        lost_again_and_again()
    assert caught.value.exit_code == ExitCode.INPUT
    assert source.signal.num_reconnects >= 5
    source.close()
