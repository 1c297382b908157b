"""The whole way: ``losszero-rt live --serve``, its page in a real browser, each switch on it."""

from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from losszero_rt.classmap import NIGHT_RIDE
from tests.cli.served import served
from tests.serve.browser import DESKTOP, chromium, click, require_browser, resize, state
from tests.waiting import until

pytestmark = pytest.mark.slow

# The model of these tests takes what is bright for something moveable.
BRIGHT = "lavfi:color=white:size=320x180:rate=30"
FOUND = NIGHT_RIDE.id_of("moveable")
COLOUR = np.array(NIGHT_RIDE.colours[FOUND], float)
PIXELS = """const c = document.getElementById('picture');
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
    return [c.width, c.height, Array.from(d).filter((_, i) => i % 4 < 3)];"""


def shown(driver: WebDriver) -> np.ndarray:
    """Return the canvas, float (H, W, 3), RGB."""
    width, height, values = driver.execute_script(PIXELS)
    return np.array(values, float).reshape(height, width, 3)


def middle(driver: WebDriver) -> np.ndarray:
    pixels_HWC = shown(driver)
    height, width, _ = pixels_HWC.shape
    return np.array(pixels_HWC[height // 2, width // 4])


def slide_alpha(driver: WebDriver, percent: int) -> None:
    driver.execute_script(
        """const slider = document.getElementById('alpha'); slider.value = arguments[0];
        slider.dispatchEvent(new Event('input'));""",
        percent,
    )


def test_every_switch_changes_the_pixels_that_the_browser_shows(
    bundle: Path, tmp_path: Path
) -> None:
    require_browser()
    with chromium(tmp_path) as driver, served(bundle=bundle, source=BRIGHT) as run:
        resize(driver, DESKTOP)
        driver.get(run.url)
        until(lambda: state(driver) == "live")
        assert shown(driver).shape == (180, 320, 3)
        slide_alpha(driver, 100)
        until(lambda: np.abs(middle(driver) - COLOUR).max() < 40)
        slide_alpha(driver, 0)
        until(lambda: middle(driver).min() > 230)
        click(driver, "#views label:has([value=mask])")
        until(lambda: np.abs(middle(driver) - COLOUR).max() < 40)
        click(driver, "#views label:has([value=side])")
        until(lambda: shown(driver).shape[1] == 2 * shown(driver).shape[0] * 320 // 180)
        click(driver, "#views label:has([value=overlay])")
        until(lambda: shown(driver).shape == (180, 320, 3))
        slide_alpha(driver, 80)
        until(lambda: middle(driver).min() < 150)
        click(driver, f"#class-{FOUND}")
        until(lambda: middle(driver).min() > 230)
        until(lambda: shown(driver).std() > 5)
        click(driver, "#text")
        until(lambda: shown(driver).std() < 2)
        assert run.interrupt().code == 130
