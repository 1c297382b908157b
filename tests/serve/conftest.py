"""Pages with a painted run behind them, for all tests of the page."""

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from losszero_rt.serve import Page, PageOptions
from tests.serve.browser import DESKTOP, chromium, require_browser, resize, state
from tests.serve.painted import PaintedRun, served, until


@pytest.fixture
def page() -> Page:
    """A page on a free port of loopback, not serving yet."""
    return Page(PageOptions(port=0))


@pytest.fixture
def run(page: Page) -> Iterator[PaintedRun]:
    """A painted run that is served by ``page``."""
    with served(page) as running:
        yield running


@pytest.fixture(scope="package")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """One browser for all tests; each opens pages of its own."""
    require_browser()
    with chromium(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


@pytest.fixture
def opened(driver: WebDriver, page: Page, run: PaintedRun) -> Iterator[WebDriver]:
    """The browser, with the page open and its picture live."""
    resize(driver, DESKTOP)
    log: Any = driver.get_log
    log("browser")  # what earlier pages had to say is forgotten
    driver.get(page.url)
    until(lambda: state(driver) == "live", what="a live picture")
    yield driver
    driver.get("about:blank")
