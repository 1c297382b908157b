"""Guessing tokens: limited for each client, and in nobody else's way."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from losszero_rt.serve import Page, PageOptions
from losszero_rt.serve.clients import client_of
from losszero_rt.serve.guesses import WRONG_TOKEN_S, Guesses
from losszero_rt.serve.security import Gate
from losszero_rt.timings import now_s
from tests.serve.painted import served, until
from tests.serve.strangers import STRANGER, VIEWER
from tests.serve.test_security import TOKEN


@pytest.fixture
def guarded() -> Iterator[Page]:
    """A page with a token, served beyond this machine."""
    page = Page(PageOptions(host="0.0.0.0", port=0, token=TOKEN))
    with served(page):
        yield page


def guesses() -> Guesses:
    return Guesses(Gate(TOKEN, host="0.0.0.0", port=1, is_loopback=False, tls=False))


def client_at(page: Page, host: str) -> httpx.Client:
    base = f"http://127.0.0.1:{page.port}"
    transport = httpx.HTTPTransport(local_address=host)
    return httpx.Client(base_url=base, transport=transport, timeout=20, headers={"origin": base})


@pytest.mark.slow
def test_right_token_is_let_in_while_a_stranger_guesses(guarded: Page) -> None:
    over = threading.Event()
    heard: Counter[int] = Counter()

    def guess() -> None:
        with client_at(guarded, STRANGER) as http:
            while not over.is_set():
                heard[http.post("/session", json={"token": "a-wrong-token"}).status_code] += 1

    strangers = [threading.Thread(target=guess) for _ in range(12)]
    for stranger in strangers:
        stranger.start()
    try:
        until(lambda: heard[429] >= 5, what="more guesses than are tried")
        with client_at(guarded, VIEWER) as http:
            for _ in range(3):
                assert http.post("/session", json={"token": TOKEN}).status_code == 204
            bearer = {"authorization": f"Bearer {TOKEN}"}
            assert http.get("/metrics", headers=bearer).status_code == 200
    finally:
        over.set()
        for stranger in strangers:
            stranger.join(20)
    assert heard[204] == 0


@pytest.mark.slow
def test_many_guesses_at_once_are_tried_one_after_the_other() -> None:
    async def crowd() -> tuple[Counter[str], float, int]:
        trying = guesses()
        start_s = now_s()
        words = [f"guess-number-{n}" for n in range(40)]
        ends = await asyncio.gather(*(trying.attempt(w, client="10.0.0.7") for w in words))
        return Counter(ends), now_s() - start_s, trying.num_clients

    ends, took_s, num_clients = asyncio.run(crowd())
    assert ends["wrong"] + ends["busy"] == 40
    assert took_s >= (ends["wrong"] - 0.5) * WRONG_TOKEN_S, "no more than two a second"
    assert ends["busy"] > 0
    assert num_clients == 0, "nobody is remembered"


def test_client_who_goes_away_is_forgotten_too() -> None:
    async def impatient() -> int:
        trying = guesses()
        task = asyncio.create_task(trying.attempt("a-wrong-token", client="10.0.0.7"))
        await asyncio.sleep(0.05)
        assert trying.num_clients == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return trying.num_clients

    assert asyncio.run(impatient()) == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.7", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.8", False),
        ("2001:db8:1:2::7", "2001:db8:1:2:ffff::8", True),
        ("2001:db8:1:2::7", "2001:db8:1:3::7", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("", "192.0.2.7", False),
    ],
)
def test_addresses_that_one_client_can_take_are_one(one: str, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) is same
