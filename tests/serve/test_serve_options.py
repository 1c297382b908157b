"""Where a page may be served, and what is refused before anything is opened."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.errors import OutputError, UsageError
from losszero_rt.serve import Page, PageOptions, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("8080", ("127.0.0.1", 8080)),
        ("0", ("127.0.0.1", 0)),
        ("0.0.0.0:9000", ("0.0.0.0", 9000)),
        ("camera.local:80", ("camera.local", 80)),
        ("[::1]:8080", ("::1", 8080)),
        ("*:80", ("0.0.0.0", 80)),
        ("0:80", ("0.0.0.0", 80)),
    ],
)
def test_place_is_a_port_with_or_without_host(text: str, place: tuple[str, int]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "http", ":8080", "a:b:80", "::1:8080", "1.2.3.4:99999", "-1"])
def test_other_places_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="--serve 8080"):
        parse_place(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("localhost.example", False),
    ],
)
def test_token_is_made_up_exactly_outside_loopback(host: str, loopback: bool) -> None:
    page = Page(PageOptions(host=host))
    assert (page.token is None) is loopback
    assert ("#token=" in page.url) is not loopback
    assert bool(page.warnings) is not loopback


def test_made_up_tokens_differ_and_are_long() -> None:
    tokens = {Page(PageOptions(host="0.0.0.0")).token for _ in range(20)}
    assert len(tokens) == 20
    assert all(token is not None and len(token) >= 20 for token in tokens)


def test_token_is_not_in_the_text_of_options() -> None:
    assert "hush-hush-hush" not in repr(PageOptions(token="hush-hush-hush"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "short"},
        {"token": "with space and more"},
        {"token": "ünïcode-token"},
        {"cert": Path("a.pem")},
        {"key": Path("a.pem")},
        {"port": 70_000},
        {"host": ""},
        {"max_viewers": 0},
        {"quality": 101},
    ],
)
def test_unsound_options_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        PageOptions(**wrong)


def test_taken_port_is_refused_at_once_and_the_next_is_named() -> None:
    first = Page(PageOptions(port=0))
    first.bind()
    with pytest.raises(OutputError, match=rf"another program.*--serve {first.port + 1}"):
        Page(PageOptions(port=first.port)).bind()
    first.stop()
    again = Page(PageOptions(port=first.port))
    again.bind()
    again.stop()


def test_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OutputError, match="cannot serve on"):
        Page(PageOptions(host="192.0.2.7", port=0)).bind()


def test_unknown_host_is_refused() -> None:
    with pytest.raises(OutputError, match="no such host"):
        Page(PageOptions(host="no-such-host.invalid", port=0)).bind()


def test_files_that_are_no_certificate_are_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with pytest.raises(UsageError, match="PEM"):
        Page(PageOptions(port=0, cert=junk, key=junk)).bind()


def test_page_that_was_stopped_before_it_ran_ends_at_once() -> None:
    page = Page(PageOptions(port=0))
    page.bind()
    page.stop()
    page.run()


def test_web_stack_is_imported_only_when_a_page_runs() -> None:
    code = """
import sys
from losszero_rt.serve import Page, PageOptions
page = Page(PageOptions(port=0))
page.bind()
page.stop()
heavy = {"starlette", "uvicorn", "websockets", "prometheus_client"} & set(sys.modules)
sys.exit(f"imported: {heavy}" if heavy else 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
