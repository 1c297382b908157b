"""How the page in a browser gets and keeps its connection, and what it says when it has none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from losszero_rt.serve import Page, PageOptions
from tests.serve.browser import chromium, click, drawn, state, words
from tests.serve.painted import PaintedRun, served, until

TOKEN = "a-token-of-the-tests"


@pytest.mark.slow
def test_two_browsers_watch_and_one_is_killed(
    opened: WebDriver, page: Page, run: PaintedRun, tmp_path: Path
) -> None:
    with chromium(tmp_path) as other:
        other.get(page.url)
        until(lambda: state(other) == "live")
        assert page.num_viewers == 2
        os.kill(other.capabilities["goog:processID"], signal.SIGKILL)
        until(lambda: page.num_viewers == 1, what="the killed viewer is forgotten")
    first = drawn(opened)
    until(lambda: drawn(opened) > first + 10)


def test_end_of_the_run_is_said(driver: WebDriver) -> None:
    page = Page(PageOptions(port=0))
    with served(page):
        driver.get(page.url)
        until(lambda: state(driver) == "live")
    until(lambda: state(driver) == "gone")
    assert words(driver, "headline") == "The run has ended"


_PAGE_OF_ITS_OWN = """
import time
from losszero_rt.serve import Page, PageOptions
from tests.serve.painted import served
page = Page(PageOptions(port=0))
with served(page):
    print(page.port, flush=True)
    time.sleep(600)
"""


def test_killed_server_is_said_and_the_page_goes_on_with_the_next(driver: WebDriver) -> None:
    command = [sys.executable, "-c", _PAGE_OF_ITS_OWN]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        driver.get(f"http://127.0.0.1:{port}/")
        until(lambda: state(driver) == "live")
    finally:
        process.kill()
        process.communicate()
    until(lambda: state(driver) == "gone", what="the loss is said")
    assert words(driver, "headline") == "Connection to the server lost"
    until(lambda: words(driver, "detail").startswith(("Next try in", "Trying")))
    with served(Page(PageOptions(port=port))):
        until(lambda: state(driver) == "live", what="the page goes on by itself")
    until(lambda: words(driver, "headline") == "The run has ended")
    with served(Page(PageOptions(port=port))):
        driver.execute_script("document.getElementById('retry').click()")
        until(lambda: state(driver) == "live", what="another run is seen")


def test_token_comes_by_the_address_and_disappears_from_it(driver: WebDriver) -> None:
    page = Page(PageOptions(host="0.0.0.0", port=0, token=TOKEN))
    with served(page):
        plain = f"http://127.0.0.1:{page.port}/"
        driver.get(plain)
        until(lambda: state(driver) == "token")
        driver.find_element(By.ID, "token").send_keys("a-wrong-token")
        click(driver, "#sign-in button")
        until(lambda: "not the token" in words(driver, "token-note"))
        driver.find_element(By.ID, "token").clear()
        driver.find_element(By.ID, "token").send_keys(TOKEN, Keys.ENTER)
        until(lambda: state(driver) == "live")
        driver.delete_all_cookies()
        driver.get("about:blank")
        driver.get(f"{plain}#token={TOKEN}")
        until(lambda: state(driver) == "live")
        assert driver.current_url == plain
        assert driver.execute_script("return document.cookie") == ""
    driver.get("about:blank")


def test_hidden_page_asks_for_no_pictures(opened: WebDriver, page: Page, run: PaintedRun) -> None:
    hide = """Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});
        document.dispatchEvent(new Event('visibilitychange'));"""
    opened.execute_script(hide, True)
    until(lambda: page.paused)
    opened.execute_script(hide, False)
    until(lambda: not page.paused)
    until(lambda: state(opened) == "live")
