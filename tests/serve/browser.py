"""A real Chromium without a window, driven by the distribution's own driver."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

from tests.needing import need

DRIVER = Path("/usr/bin/chromedriver")
DESKTOP, PHONE = (1280, 800), (390, 844)
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


def require_browser() -> None:
    """Skip, or fail where it is demanded, when there is no browser."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    reason = f"no {' and no '.join(missing)} on this machine" if missing else ""
    need(reason, demanded_by="LOSSZERO_REQUIRE_LIVE")


@contextmanager
def chromium(profile: Path, *, flags: tuple[str, ...] = ()) -> Iterator[WebDriver]:
    """Start a browser with a profile of its own and end it."""
    options = Options()
    options.binary_location = shutil.which("chromium") or ""
    folder = profile / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    for flag in (*_FLAGS, *flags, f"--user-data-dir={profile / 'chromium'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(folder)})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()


def resize(driver: WebDriver, size_wh: tuple[int, int], *, mobile: bool = False) -> None:
    """Give the page a size of its own, with touch where it is a phone."""
    metrics = {
        "width": size_wh[0],
        "height": size_wh[1],
        "deviceScaleFactor": 2 if mobile else 1,
        "mobile": mobile,
    }
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def state(driver: WebDriver) -> str:
    """Return what the page says of itself."""
    return str(driver.execute_script("return document.body.dataset.state"))


def words(driver: WebDriver, name: str) -> str:
    """Return the text of an element."""
    script = "return document.getElementById(arguments[0]).textContent"
    return str(driver.execute_script(script, name))


def drawn(driver: WebDriver) -> int:
    """Return the index of the frame that the canvas shows."""
    script = "return Number(document.getElementById('picture').dataset.index)"
    return int(driver.execute_script(script))


def click(driver: WebDriver, css: str) -> None:
    """Click on an element."""
    driver.find_element(By.CSS_SELECTOR, css).click()
