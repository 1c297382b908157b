"""What cannot be opened says so in one line that differs by fault and holds no secret."""

import socket
import ssl
import time
import traceback
from collections.abc import Callable
from urllib.error import URLError
from urllib.parse import quote

import av.error
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from losszero_rt.errors import ExitCode, InputError
from losszero_rt.video import LiveOptions, LiveSource, parse_address
from losszero_rt.video.feeds import Unplayable
from losszero_rt.video.refusals import loss_of, refusal_of
from losszero_rt.video.sockets import Silence
from losszero_rt.video.stop_flag import Stopped
from tests.video.live_reading import open_live
from tests.video.live_servers import http_server, refused_port, silent_peer

OPTIONS = LiveOptions()
# Long and rare enough not to turn up by chance.
secrets = st.text(min_size=4, max_size=16).map(lambda text: f"Zx{text}qY")


def refusal(url: str, **settings: float) -> str:
    begun_s = time.monotonic()
    with pytest.raises(InputError) as caught:
        open_live(url, **settings)
    assert caught.value.exit_code == ExitCode.INPUT
    assert time.monotonic() - begun_s < 20
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_refused_connections_name_the_port(scheme: str) -> None:
    port = refused_port()
    text = refusal(f"{scheme}://rider:hidden-word@127.0.0.1:{port}/live")
    assert "connection refused" in text
    assert str(port) in text
    assert "hidden-word" not in text


@pytest.mark.parametrize("scheme", ["rtsp", "rtsps", "http", "https"])
def test_silent_peers_end_in_time(scheme: str) -> None:
    with silent_peer() as port:
        text = refusal(f"{scheme}://rider:hidden-word@127.0.0.1:{port}/live", open_timeout_s=0.5)
    assert "silent" in text
    assert "hidden-word" not in text


@pytest.mark.parametrize("scheme", ["rtsp", "http", "udp"])
def test_names_that_do_not_resolve_are_told(scheme: str) -> None:
    # Reserved by RFC 2606: no server answers for it.
    assert "cannot be resolved" in refusal(f"{scheme}://camera.invalid:8554/live")


def test_peer_that_speaks_something_else_is_told() -> None:
    with http_server() as server:
        assert "no RTSP server" in refusal(f"rtsp://127.0.0.1:{server.server_address[1]}/mjpeg")


FAULTS: dict[str, Callable[[str], Exception]] = {
    "unauthorized": lambda url: av.error.HTTPUnauthorizedError(1, url, url),
    "missing": lambda url: av.error.HTTPNotFoundError(1, url, url),
    "server": lambda url: av.error.HTTPServerError(1, url, url),
    "exit": lambda url: av.error.ExitError(1, url, url),
    "io": lambda url: av.error.OSError(5, url, url),
    "invalid": lambda url: av.error.InvalidDataError(1, url, url),
    "argument": lambda url: av.error.ArgumentError(22, url, url),
    "absent": lambda url: av.error.FileNotFoundError(2, url, url),
    "filter": lambda url: av.error.FilterNotFoundError(1, url, url),
    "os": lambda url: OSError(113, url),
    "timeout": lambda url: TimeoutError(url),
    "silence": lambda url: Silence(url),
    "dns": lambda url: socket.gaierror(-2, url),
    "wrapped": lambda url: URLError(ConnectionRefusedError(111, url)),
    "value": lambda url: ValueError(url),
    "tls": lambda url: ssl.SSLError(1, url),
    "eof": lambda url: EOFError(url),
    "busy": lambda url: OSError(16, url),
    "permission": lambda url: PermissionError(13, url),
}


@given(user=secrets, password=secrets, token=secrets, fault=st.sampled_from(sorted(FAULTS)))
def test_no_fault_brings_a_secret_to_light(
    user: str, password: str, token: str, fault: str
) -> None:
    pair = f"{quote(user, safe='')}:{quote(password, safe='')}"
    url = f"rtsp://{pair}@cam/live?quality=1&token={quote(token, safe='')}"
    # As the libraries quote it, and as a person might have typed it.
    error = FAULTS[fault](f"{url} rtsp://{user}:{password}@cam?token={token}")
    for text in (url, f"webcam:{url}", f"lavfi:movie={url}"):
        address = parse_address(text, options=OPTIONS)
        shown = f"{refusal_of(error, address=address)} {loss_of(error)} {address.name}"
        for secret in (user, password, token):
            assert secret not in shown
            assert quote(secret, safe="") not in shown


@settings(max_examples=25, deadline=None)
@given(user=secrets, password=secrets, token=secrets, scheme=st.sampled_from(["rtsp", "http"]))
def test_no_refusal_of_a_source_holds_a_secret(
    user: str, password: str, token: str, scheme: str
) -> None:
    pair = f"{quote(user, safe='')}:{quote(password, safe='')}"
    url = f"{scheme}://{pair}@127.0.0.1:{refused_port()}/a?key={quote(token, safe='')}"
    with pytest.raises(InputError) as caught:
        LiveSource(parse_address(url, options=OPTIONS), options=OPTIONS)
    lines = "".join(traceback.format_exception(caught.value))
    for secret in (user, password, token):
        assert secret not in lines
        assert quote(secret, safe="") not in lines
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_faults_differ_in_what_they_tell() -> None:
    address = parse_address("rtsp://cam/live", options=OPTIONS)
    names = (
        "unauthorized",
        "missing",
        "server",
        "silence",
        "timeout",
        "dns",
        "os",
        "io",
        "invalid",
    )
    texts = {str(refusal_of(FAULTS[name]("x"), address=address)) for name in names}
    assert len(texts) == len(names)
    camera = parse_address("0", options=OPTIONS)
    faults = ("busy", "permission", "absent", "io", "argument")
    texts = {str(refusal_of(FAULTS[name]("x"), address=camera)) for name in faults}
    assert len(texts) == len(faults)
    assert str(refusal_of(Unplayable("it is odd"), address=address)).endswith("it is odd")


def test_stopping_is_no_fault_of_a_source() -> None:
    assert not issubclass(Stopped, OSError | ValueError)
