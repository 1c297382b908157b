"""Who may see a page: on this machine, and outside it behind a token."""

import base64
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from losszero_rt.serve import Page, PageOptions
from losszero_rt.serve.security import Gate
from losszero_rt.timings import now_s
from tests.serve.painted import PaintedRun, served, until
from tests.serve.watcher import address, watching

TOKEN = "a-token-of-the-tests"
SECRET_PATHS = ("/metrics", "/stream.mjpg")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Page]:
    """A page that is served beyond this machine, with a token of ours."""
    page = Page(PageOptions(host="0.0.0.0", port=0, token=TOKEN))
    with served(page):
        yield page


def client(page: Page) -> httpx.Client:
    base = f"http://127.0.0.1:{page.port}"
    return httpx.Client(base_url=base, timeout=20, headers={"origin": base})


def upgrade_status(page: Page, *, origin: str | None) -> int:
    """Return 101 when a WebSocket is opened, else the status of the refusal."""
    try:
        with watching(page, origin=origin):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_without_token_nothing_is_seen(guarded: Page) -> None:
    with client(guarded) as http:
        for path in SECRET_PATHS:
            assert http.get(path).status_code == 401
        page = http.get("/")
        assert page.status_code == 401
        assert "camera.example" not in page.text
        assert http.get("/session").status_code == 401
        assert http.get("/healthz").json() in ({"status": "ok"}, {"status": "starting"})
    assert upgrade_status(guarded, origin=f"http://127.0.0.1:{guarded.port}") == 403


def test_signing_in_opens_the_page(guarded: Page) -> None:
    with client(guarded) as http:
        answer = http.post("/session", json={"token": TOKEN})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        assert http.get("/").status_code == 200
        assert http.get("/session").status_code == 204
        assert http.get("/metrics").status_code == 200
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in http.cookies.items())}
    with watching(guarded, headers=headers) as viewer:
        assert viewer.picture().index >= 0


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_programs_send_the_token_themselves(guarded: Page, scheme: str) -> None:
    def sent(token: str) -> dict[str, str]:
        basic = base64.b64encode(f"any:{token}".encode()).decode()
        return {"authorization": f"{scheme} {basic if scheme == 'Basic' else token}"}

    with client(guarded) as http:
        assert http.get("/metrics", headers=sent(TOKEN)).status_code == 200
        assert http.get("/metrics", headers=sent(TOKEN + "x")).status_code == 401
        assert http.get("/metrics", headers={"authorization": "Basic %%%"}).status_code == 401
        assert http.get("/metrics", headers={"authorization": scheme}).status_code == 401


def test_token_in_the_query_is_no_way_in(guarded: Page) -> None:
    with client(guarded) as http:
        assert http.get(f"/metrics?token={TOKEN}").status_code == 401


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"token":7}', b'{"other":"x"}', b'{"token":"' + b"x" * 2000]
)
def test_signing_in_with_junk_is_refused(guarded: Page, body: bytes) -> None:
    with client(guarded) as http:
        assert http.post("/session", content=body).status_code == 400


def test_wrong_tokens_are_slow_and_do_not_hold_up_those_inside(guarded: Page) -> None:
    with client(guarded) as http:
        http.post("/session", json={"token": TOKEN})
        start_s = now_s()
        for _ in range(2):
            assert http.post("/session", json={"token": "a-wrong-token"}).status_code == 401
        assert now_s() - start_s > 0.9
        assert http.get("/metrics").status_code == 200


def test_sign_in_from_another_site_is_refused(guarded: Page) -> None:
    with client(guarded) as http:
        for origin in ("https://evil.example", "null", ""):
            answer = http.post("/session", json={"token": TOKEN}, headers={"origin": origin})
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:{port}", None])
def test_websocket_of_another_origin_is_refused(
    page: Page, run: PaintedRun, origin: str | None
) -> None:
    wanted = origin.format(port=page.port) if origin else None
    assert upgrade_status(page, origin=wanted) == 403
    assert upgrade_status(page, origin=f"http://127.0.0.1:{page.port}") == 101


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("[::1]:{port}", 200),
        ("evil.example:{port}", 421),
        ("evil.example", 421),
        ("127.0.0.1:1", 421),
        ("127.0.0.1", 421),
        ("a b", 421),
        ("", 421),
    ],
)
def test_on_loopback_only_its_own_names_are_answered(
    page: Page, run: PaintedRun, host: str, status: int
) -> None:
    url = address(page, path="/", scheme="http")
    answer = httpx.get(url, headers={"host": host.format(port=page.port)}, timeout=20)
    assert answer.status_code in ((status,) if status == 200 else (421, 400))


def test_another_site_may_lead_to_the_page_but_not_embed_it(page: Page, run: PaintedRun) -> None:
    with client(page) as http:
        foreign = {"sec-fetch-site": "cross-site"}
        assert http.get("/stream.mjpg", headers=foreign).status_code == 403
        led = http.get("/", headers={**foreign, "sec-fetch-mode": "navigate"})
        assert led.status_code == 200


@pytest.mark.parametrize("path", ["/", "/live.js", "/metrics", "/nowhere"])
def test_every_answer_carries_strict_headers(page: Page, run: PaintedRun, path: str) -> None:
    with client(page) as http:
        headers = http.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_connections_are_bounded_and_silent_ones_do_not_stay(page: Page, run: PaintedRun) -> None:
    crowd = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(220)]
    try:
        ended = until(lambda: [one for one in crowd if is_ended(one)], what="a refusal")
        assert len(ended) < len(crowd)
    finally:
        for one in crowd:
            one.close()
    answer = until(lambda: health_of(page), what="an answer after the crowd")
    assert answer == {"status": "ok"}


def is_ended(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def health_of(page: Page) -> object:
    try:
        return httpx.get(address(page, path="/healthz", scheme="http"), timeout=5).json()
    except httpx.HTTPError:
        return None


def test_nothing_is_logged(
    guarded: Page, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with client(guarded) as http:
        http.post("/session", json={"token": TOKEN})
        http.post("/session", json={"token": "a-wrong-token"})
        http.get(f"/?token={TOKEN}")
    with socket.create_connection(("127.0.0.1", guarded.port)) as raw:
        raw.sendall(b"\x16\x03\x01 no http at all\r\n\r\n")
        raw.settimeout(10)
        assert b"400" in raw.recv(1000)
    upgrade_status(guarded, origin="http://evil.example")
    heard = capfd.readouterr()
    assert heard.out + heard.err == ""
    assert TOKEN not in caplog.text


def make_certificate(folder: Path) -> tuple[Path, Path]:
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command = ["openssl", *words.split(), "-keyout", str(key), "-out", str(cert)]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


def test_tls_serves_page_and_websocket(tmp_path: Path, no_leaks: None) -> None:
    cert, key = make_certificate(tmp_path)
    page = Page(PageOptions(host="0.0.0.0", port=0, token=TOKEN, cert=cert, key=key))
    assert page.warnings == ()
    context = ssl.create_default_context(cafile=str(cert))
    with served(page):
        assert page.url.startswith("https://")
        base = f"https://localhost:{page.port}"
        with httpx.Client(base_url=base, verify=context, timeout=20) as http:
            answer = http.post("/session", json={"token": TOKEN}, headers={"origin": base})
            assert "secure" in answer.headers["set-cookie"].lower()
            cookies = "; ".join(f"{k}={v}" for k, v in http.cookies.items())
            policy = http.get("/").headers["content-security-policy"]
            assert f"connect-src 'self' wss://localhost:{page.port};" in policy
        url = f"wss://localhost:{page.port}/watch"
        headers = {"Cookie": cookies}
        with watching(page, url=url, origin=base, headers=headers, context=context) as viewer:
            assert viewer.picture().index >= 0


def test_cookie_is_bound_to_the_token_and_survives_a_restart() -> None:
    def gate(token: str) -> Gate:
        return Gate(token, host="0.0.0.0", port=1, is_loopback=False, tls=False)

    assert gate(TOKEN).has_signed_in(gate(TOKEN).cookie_value)
    assert not gate(TOKEN).has_signed_in(gate(TOKEN + "x").cookie_value)
    assert not gate(TOKEN).has_signed_in("")
    assert not gate(TOKEN).is_token("")
    assert not gate(TOKEN).is_token("ä" * 10)
