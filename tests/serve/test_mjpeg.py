"""The plain stream of pictures, and players that stop to take it."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

from losszero_rt.serve import Page, mjpeg
from losszero_rt.timings import now_s
from tests.serve.painted import PaintedRun, served, until
from tests.serve.strangers import is_ended
from tests.serve.watcher import address

LARGE = (1080, 1920)


@contextmanager
def stalled_player(page: Page) -> Iterator[socket.socket]:
    """Ask for the stream and read nothing of it, with the connection open."""
    with socket.socket() as player:
        player.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        player.connect(("127.0.0.1", page.port))
        player.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % page.port)
        yield player


@contextmanager
def player(page: Page) -> Iterator[Iterator[bytes]]:
    """A player that takes all it gets."""
    url = address(page, path="/stream.mjpg", scheme="http")
    with httpx.stream("GET", url, timeout=20) as answer:
        yield answer.iter_raw()


def is_idle(page: Page, run: PaintedRun) -> bool:
    """Say whether the run goes on for a while and nobody wants a picture of it."""
    num_shown, was_idle = run.num_shown, True
    while run.num_shown < num_shown + 20:
        was_idle = was_idle and not page.wants_frame
        time.sleep(0.005)
    return was_idle


def test_player_that_takes_nothing_does_not_count_as_watching(page: Page) -> None:
    with served(page, size=LARGE, rate=60) as run, stalled_player(page):
        until(lambda: page.num_viewers == 1)
        until(lambda: is_idle(page, run), what="a run that paints for nobody")


@pytest.mark.slow
def test_stalled_player_is_ended_and_the_others_go_on(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mjpeg, "STALLED_S", 1.0)
    with served(page, size=LARGE, rate=60), player(page) as taken:
        next(taken)
        with stalled_player(page) as stalled:
            until(lambda: page.num_viewers == 2)
            end_s = now_s() + 60
            while page.num_viewers == 2:
                assert next(taken)
                assert now_s() < end_s, "it still has its place"
            for _ in range(20):
                assert next(taken)
            until(lambda: is_ended(stalled), what="the end of the stalled player")


@pytest.mark.slow
def test_player_stays_while_no_pictures_come(
    page: Page, run: PaintedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mjpeg, "STALLED_S", 0.5)
    with player(page) as taken:
        next(taken)
        run.signal = replace(run.signal, state="stalled")
        time.sleep(4 * mjpeg.STALLED_S)
        run.signal = replace(run.signal, state="live")
        num_sent = page._hub.num_sent
        until(lambda: next(taken) and page._hub.num_sent > num_sent + 3, what="further pictures")
        assert page.num_viewers == 1


def test_who_asks_only_for_the_head_is_no_viewer(page: Page, run: PaintedRun) -> None:
    answer = httpx.head(address(page, path="/stream.mjpg", scheme="http"), timeout=5)
    assert answer.headers["content-type"].startswith("multipart/x-mixed-replace; boundary=")
    assert page.num_viewers == 0
