"""Live sources over HTTP: MJPEG as IP cameras send it."""

import gc
import time
import weakref
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from losszero_rt.errors import InputError
from losszero_rt.frame import Frame
from losszero_rt.livestate import Signal
from tests.media import read_index
from tests.video.live_reading import on_signal, open_live, read_until, seconds_to_stop, take
from tests.video.live_servers import HttpServer, http_server, tls_in_front


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as started:
        yield started


def test_mjpeg_frames_are_as_old_as_their_arrival(server: HttpServer) -> None:
    source = open_live(server.url("/mjpeg?token=secret-token"))
    frames = take(source, 60)
    source.close()
    assert [read_index(frame.planes) for frame in frames] == list(range(60))
    for before, after in pairwise(frames[10:]):
        waited_s = (after.captured_at_s or 0) - (before.captured_at_s or 0)
        assert (after.pts - before.pts) / 90_000 == pytest.approx(waited_s, abs=1e-4)
    assert source.info.name == server.url("/mjpeg?token=***")
    assert source.rate_declared is None
    assert any("token=secret-token" in path for path in server.asked)


def test_size_that_changes_on_the_way_is_scaled_to_the_first(server: HttpServer) -> None:
    source = open_live(server.url("/mjpeg"))
    take(source, 5)
    server.size = (48, 96)
    items = read_until(source, lambda: bool(source.warnings))
    server.size = (96, 96)
    frames = [item for item in items if isinstance(item, Frame)] + take(source, 20)
    source.close()
    assert {frame.planes.size for frame in frames} == {(96, 192)}
    assert len(source.warnings) == 1
    assert "changed to 96x48" in source.warnings[0]
    indices = [read_index(frame.planes) for frame in frames]
    assert indices == sorted(set(indices))


@pytest.mark.slow
@pytest.mark.usefixtures("no_leaks")
def test_stream_that_ends_or_stalls_is_tried_again(server: HttpServer) -> None:
    source = open_live(server.url("/mjpeg"), read_timeout_s=0.5)
    states: list[str] = []

    def heal(signal: Signal) -> None:
        states.append(signal.state)
        server.stalled = server.cut = False

    on_signal(source, heal)
    take(source, 5)
    server.stalled = True
    read_until(source, lambda: states[-1:] == ["live"])
    assert states == ["stalled", "reconnecting", "live"]
    states.clear()
    server.cut = True
    read_until(source, lambda: states[-1:] == ["live"])
    assert states == ["reconnecting", "reconnecting", "live"]
    assert source.signal.num_reconnects == 2
    source.close()


@pytest.mark.slow
def test_attempts_and_reconnections_are_counted_apart(server: HttpServer) -> None:
    source = open_live(server.url("/mjpeg"))
    take(source, 5)
    seen: list[Signal] = []

    def heal(signal: Signal) -> None:
        seen.append(signal)
        if signal.attempt == 3:
            server.redirects.clear()
            server.cut = False

    on_signal(source, heal)
    server.redirects["/mjpeg"] = "/gone"
    server.cut = True
    read_until(source, lambda: bool(seen) and seen[-1].state == "live")
    *lost, live = seen
    source.close()
    tries = [signal.attempt for signal in lost]
    assert tries == sorted(tries)
    assert sorted(set(tries)) == [0, 1, 2, 3], "none before the first, and one more each time"
    assert {signal.num_reconnects for signal in lost} == {0}
    assert (live.attempt, live.num_reconnects) == (0, 1)


def test_lost_connection_leaves_nothing_behind(server: HttpServer) -> None:
    source = open_live(server.url("/mjpeg"))
    states: list[str] = []

    def heal(signal: Signal) -> None:
        states.append(signal.state)
        server.cut = False

    on_signal(source, heal)
    # The collector comes rarely, and sees nothing of what a decoder holds.
    gc.disable()
    try:
        session = weakref.ref(source._session)
        server.cut = True
        read_until(source, lambda: states[-1:] == ["live"])
        assert session() is None
    finally:
        gc.enable()
        source.close()


@pytest.mark.usefixtures("no_leaks")
def test_stop_gets_through_to_a_stalled_stream(server: HttpServer) -> None:
    source = open_live(server.url("/mjpeg"), read_timeout_s=60)
    take(source, 5)
    server.stalled = True
    begun_s = time.monotonic()
    assert seconds_to_stop(source, when=lambda: time.monotonic() - begun_s > 0.5) < 2
    source.close()


def test_login_over_http(server: HttpServer) -> None:
    server.login = "rider:p@ss w/rd"
    place = server.url("/mjpeg").removeprefix("http://")
    source = open_live(f"http://rider:p%40ss%20w%2Frd@{place}")
    assert take(source, 2)
    source.close()
    with pytest.raises(InputError, match=r"wants a user name and password \(401\)"):
        open_live(f"http://{place}")
    with pytest.raises(InputError, match="user name or password are wrong") as caught:
        open_live(f"http://rider:wrong-secret@{place}")
    assert "wrong-secret" not in str(caught.value)
    with pytest.raises(InputError, match=r"no such stream \(404\)"):
        open_live(f"http://rider:p%40ss%20w%2Frd@{place}/other")


def test_login_that_is_refused_later_is_given_up_before_an_account_is_locked(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("losszero_rt.video.reconnecting._LONGEST_WAIT_S", 0.2)
    server.login = "rider:before"
    place = server.url("/mjpeg").removeprefix("http://")
    source = open_live(f"http://rider:before@{place}")
    take(source, 5)
    server.login, server.cut = "rider:after", True
    asked = len(server.asked)
    with pytest.raises(InputError, match=r"refused \(401\); gave up after 3 refused") as caught:
        take(source, 1000)
    source.close()
    assert len(server.asked) - asked == 2 * 3, "each time without the login first"
    assert "before" not in str(caught.value).replace("before the account", "")


def test_certificate_must_be_trusted(server: HttpServer, tmp_path: Path) -> None:
    with tls_in_front(server.server_address[1], tmp_path) as port:
        with pytest.raises(InputError, match="certificate is not trusted"):
            open_live(f"https://localhost:{port}/mjpeg")
        with pytest.raises(InputError, match=r"TLS|closed|no video"):
            open_live(f"https://localhost:{server.server_address[1]}/mjpeg")


def test_trusted_certificate_opens_the_stream(
    server: HttpServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_in_front(server.server_address[1], tmp_path) as port:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        source = open_live(f"https://localhost:{port}/mjpeg", read_timeout_s=60)
        assert take(source, 3)
        server.stalled = True
        begun_s = time.monotonic()
        assert seconds_to_stop(source, when=lambda: time.monotonic() - begun_s > 0.5) < 2
        source.close()


@pytest.mark.parametrize(
    "target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:text/plain,x"]
)
def test_redirections_elsewhere_are_refused(server: HttpServer, target: str) -> None:
    server.redirects["/moved"] = target
    with pytest.raises(InputError, match="not http:// or https://"):
        open_live(server.url("/moved"))


def test_redirections_in_a_circle_are_told(server: HttpServer) -> None:
    server.redirects |= {"/here": "/there", "/there": "/here"}
    with pytest.raises(InputError, match=r"from address to address without end \(302\)"):
        open_live(server.url("/here"))


def test_redirections_within_http_are_followed(server: HttpServer) -> None:
    server.redirects["/moved"] = "/mjpeg"
    source = open_live(server.url("/moved"))
    assert take(source, 2)
    source.close()


@pytest.mark.parametrize(
    "content",
    [b"<html>not found</html>" * 9, b"", b"ffconcat version 1.0\nfile /etc/hostname\n", b"#EXTM3U"],
    ids=["html", "empty", "concat", "bare-playlist"],
)
def test_answers_that_are_no_video_are_refused(server: HttpServer, content: bytes) -> None:
    server.files["/x"] = lambda: content
    with pytest.raises(InputError, match=r"no video that can be read|closed|no target duration"):
        open_live(server.url("/x"))
