"""The places of a page: strangers cannot keep them, whatever they do with a connection."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from losszero_rt.serve import Page, PageOptions, connections, places
from losszero_rt.timings import now_s
from tests.serve.painted import PaintedRun, served, until
from tests.serve.strangers import CROWD, STRANGER, VIEWER, WHOLE, crowd, is_ended, say
from tests.serve.test_security import TOKEN, make_certificate
from tests.serve.watcher import watching

pytestmark = pytest.mark.slow

HALF = b"GET /healthz HTTP/1.1\r\nHost: 127"
UPGRADE = b"GET /watch HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
SLOW_BODY = b"POST /live.js HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\nx"


@pytest.fixture
def guarded() -> Iterator[Page]:
    """A page with a token, served beyond this machine."""
    page = Page(PageOptions(host="0.0.0.0", port=0, token=TOKEN))
    with served(page):
        yield page


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let strangers stay for one second only."""
    monkeypatch.setattr(places, "STRANGER_S", 1.0)


def signed_in(page: Page) -> dict[str, str]:
    """Sign in on a new connection; return what the next requests have to carry."""
    base = f"http://127.0.0.1:{page.port}"
    transport = httpx.HTTPTransport(local_address=VIEWER)
    with httpx.Client(base_url=base, transport=transport, timeout=20) as http:
        answer = http.post("/session", json={"token": TOKEN}, headers={"origin": base})
    assert answer.status_code == 204
    return {"Cookie": "; ".join(f"{k}={v}" for k, v in answer.cookies.items())}


@pytest.mark.parametrize("says", [b"", HALF, UPGRADE, WHOLE + b"G", SLOW_BODY])
def test_crowd_that_does_not_go_away_keeps_no_viewer_out(guarded: Page, says: bytes) -> None:
    with watching(guarded, headers=signed_in(guarded)) as early, crowd(guarded, says=says) as all_:
        until(lambda: sum(map(is_ended, all_)) >= 20, what="room for others")
        start_s = now_s()
        with watching(guarded, headers=signed_in(guarded)) as late:
            assert late.picture().number > 0
        assert now_s() - start_s < places.STRANGER_S, "they had to go at once, not in time"
        assert early.picture().number > 0
        assert sum(map(is_ended, all_)) < CROWD, "others are let in as long as there is room"


def test_crowd_gets_only_in_its_own_way(guarded: Page) -> None:
    with crowd(guarded, says=HALF, count=2, host=VIEWER) as first, crowd(guarded) as many:
        until(lambda: sum(map(is_ended, many)) >= 20, what="room for others")
        assert not any(map(is_ended, first)), "they came first and are few"


@pytest.mark.parametrize("says", [b"", HALF, UPGRADE, WHOLE, SLOW_BODY])
def test_stranger_is_shown_out_in_time_however_often_a_byte_comes(
    hasty: None, guarded: Page, says: bytes
) -> None:
    with crowd(guarded, says=says, count=3) as some:
        start_s = now_s()
        while not all(map(is_ended, some)):
            assert now_s() - start_s < 20, "still there"
            for one in some:
                say(one, b"x")
            time.sleep(0.05)
        assert now_s() - start_s > 0.5


def test_known_viewer_stays_longer_than_a_stranger(hasty: None, guarded: Page) -> None:
    with watching(guarded, headers=signed_in(guarded)) as viewer:
        until_s = now_s() + 3 * places.STRANGER_S
        while now_s() < until_s:
            assert viewer.picture().number > 0


def test_without_a_token_everybody_may_stay(hasty: None, page: Page, run: PaintedRun) -> None:
    with watching(page) as viewer:
        until_s = now_s() + 2 * places.STRANGER_S
        while now_s() < until_s:
            assert viewer.picture().number > 0


def test_known_connection_that_dribbles_its_next_request_is_ended(
    monkeypatch: pytest.MonkeyPatch, page: Page
) -> None:
    monkeypatch.setattr(connections, "_OVERDUE_S", 1.0)
    whole = WHOLE.replace(b"127.0.0.1", b"127.0.0.1:%d")
    with served(page), crowd(page, says=whole % page.port, count=1, host=VIEWER) as (one,):
        start_s = now_s()
        while not is_ended(one):
            assert now_s() - start_s < 20, "still there"
            say(one, b"G" if now_s() - start_s < 0.2 else b"")
            time.sleep(0.05)
        assert now_s() - start_s > 0.5


def test_tls_that_is_never_agreed_on_holds_no_more_places(tmp_path: Path, no_leaks: None) -> None:
    cert, key = make_certificate(tmp_path)
    page = Page(PageOptions(host="0.0.0.0", port=0, token=TOKEN, cert=cert, key=key))
    with served(page), crowd(page) as silent, crowd(page, says=b"\x16\x03\x01 no TLS at all"):
        until(lambda: sum(map(is_ended, silent)) >= 20, what="room for others")
        base = f"https://127.0.0.1:{page.port}"
        with httpx.Client(base_url=base, verify=False, timeout=20) as http:
            answer = http.post("/session", json={"token": TOKEN}, headers={"origin": base})
            assert answer.status_code == 204
            assert http.get("/metrics").status_code == 200


def test_strangers_do_not_hold_up_the_end(no_leaks: None) -> None:
    page = Page(PageOptions(host="0.0.0.0", port=0, token=TOKEN))
    with served(page), crowd(page, says=HALF, count=20, host=STRANGER) as some:
        page.stop()
        until(lambda: all(map(is_ended, some)), what="the end")
