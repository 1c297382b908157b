"""The page as people have it: in a real Chromium, on a desktop and on a phone."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from losszero_rt.livestate import PictureChoice
from losszero_rt.serve import Page
from tests.serve.browser import DESKTOP, PHONE, click, drawn, resize, state, words
from tests.serve.painted import VIEW_COLOURS, PaintedRun, status, until
from tests.serve.watcher import watching

pytestmark = pytest.mark.slow


def colour_shown(driver: WebDriver) -> list[int]:
    """Return RGB of a pixel near the lower right of the canvas."""
    script = """const c = document.getElementById('picture');
        const x = Math.floor(c.width * 0.9), y = Math.floor(c.height * 0.9);
        return [...c.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)];"""
    return list(driver.execute_script(script))


def shows(driver: WebDriver, view: str) -> bool:
    found = np.array(colour_shown(driver), float)
    return bool(np.abs(found - VIEW_COLOURS[view]).max() < 12)


def press(driver: WebDriver, keys: str) -> None:
    driver.find_element(By.TAG_NAME, "body").send_keys(keys)


def errors_of(driver: WebDriver) -> list[Any]:
    log: Any = driver.get_log
    return [entry for entry in log("browser") if entry["level"] == "SEVERE"]


def test_page_loads_without_errors_and_frames_advance(opened: WebDriver, run: PaintedRun) -> None:
    first = drawn(opened)
    until(lambda: drawn(opened) > first + 10)
    assert shows(opened, "overlay")
    assert errors_of(opened) == []
    assert words(opened, "fps") == "29.7"
    assert words(opened, "rates") == "source gives 29.9 of 30.0 declared"
    assert words(opened, "reasons") == "newer 133 · prekey 3"
    assert words(opened, "score") == (
        "mIoU 0.736 (95 % CI 0.710 to 0.760), n = 40, of openvino bf16; "
        "fp32 weights 0.740 (95 % CI 0.720 to 0.770)"
    )
    assert words(opened, "engine") == "openvino · bf16 · CPU"
    assert words(opened, "share-1") == "21.0 %"
    assert words(opened, "shown") == "22,411"
    until(lambda: words(opened, "screen").isdecimal())
    resources = "return performance.getEntriesByType('resource').map((e) => e.name)"
    assert all("127.0.0.1" in name for name in opened.execute_script(resources))


def test_every_switch_changes_the_picture_that_is_asked_for(
    opened: WebDriver, page: Page, run: PaintedRun
) -> None:
    for view in ("mask", "side", "overlay"):
        click(opened, f"#views label:has([value={view}])")
        until(partial(shows, opened, view), what=view)
        assert page.choice.view == view
    click(opened, "#cam-view")
    until(lambda: shows(opened, "cam"))
    click(opened, "#cam option[value='3']")
    until(lambda: page.choice.cam == 3)
    opened.execute_script(
        """const slider = document.getElementById('alpha'); slider.value = 80;
        slider.dispatchEvent(new Event('input'));"""
    )
    until(lambda: page.choice.alpha == 0.8)
    assert words(opened, "alpha-value") == "80 %"
    click(opened, "#text")
    until(lambda: not page.choice.text)
    click(opened, "#class-2")
    until(lambda: page.choice.classes == (1, 3, 4, 5))
    click(opened, "#class-0")
    until(lambda: page.choice.classes == (0, 1, 3, 4, 5))
    click(opened, "#all-classes")
    until(lambda: page.choice.classes is None)
    assert errors_of(opened) == []


def test_switches_follow_what_another_viewer_asked_for(opened: WebDriver, page: Page) -> None:
    with watching(page) as other:
        other.say(t="choice", view="side", alpha=0.25, classes=[4], cam=None, text=False)
        until(lambda: words(opened, "alpha-value") == "25 %")
        other.text("status")
        checked = "return [...document.querySelectorAll('#classes input')].map((e) => e.checked)"
        assert opened.execute_script(checked) == [False] * 4 + [True, False]
        assert opened.execute_script("return document.querySelector('[value=side]').checked")
        assert not opened.execute_script("return document.getElementById('text').checked")
        until(lambda: words(opened, "run").startswith("2 viewers"))


def test_keys_do_what_the_help_says(opened: WebDriver, page: Page, run: PaintedRun) -> None:
    press(opened, "2")
    until(lambda: page.choice.view == "mask")
    press(opened, "]")
    until(lambda: page.choice.alpha == 0.5)
    press(opened, "t")
    until(lambda: not page.choice.text)
    press(opened, "p")
    until(lambda: page.paused)
    assert state(opened) == "paused"
    press(opened, "p")
    until(lambda: state(opened) == "live")
    press(opened, "?")
    until(lambda: opened.execute_script("return document.getElementById('keys').open"))
    press(opened, "3")
    opened.switch_to.active_element.send_keys(Keys.ESCAPE)
    until(lambda: not opened.execute_script("return document.getElementById('keys').open"))
    assert page.choice.view == "mask"
    opened.execute_script("document.getElementById('use-keys').checked = false")
    press(opened, "3")
    press(opened, "?")
    until(lambda: opened.execute_script("return document.getElementById('keys').open"))
    assert page.choice.view == "mask"


def test_pause_holds_the_picture_and_goes_on_with_the_newest(
    opened: WebDriver, page: Page, run: PaintedRun
) -> None:
    click(opened, "#pause")
    until(lambda: page.paused)
    until(lambda: words(opened, "headline") == "Paused")
    held, shown = held_index(opened), run.num_shown
    until(lambda: run.num_shown > shown + 15)
    assert drawn(opened) == held
    click(opened, "#pause")
    until(lambda: drawn(opened) > shown + 15)


def held_index(driver: WebDriver) -> int:
    """Return the index of a paused picture, once those on their way have arrived."""
    last = -1
    while last != (last := drawn(driver)):
        time.sleep(0.5)
    return last


def test_snapshot_saves_the_picture_that_is_seen(
    opened: WebDriver, page: Page, run: PaintedRun, tmp_path: Path
) -> None:
    opened.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    click(opened, "#pause")
    until(lambda: page.paused)
    index = held_index(opened)
    click(opened, "#snapshot")
    saved = until(lambda: list(tmp_path.glob("*.jpg")), what="a snapshot")[0]
    assert saved.name.startswith("losszero-rt-20")
    assert saved.name.endswith(f"-frame{index}.jpg")
    pixels = cv2.imread(str(saved))
    assert pixels is not None
    assert np.abs(pixels[-20, -20, ::-1].astype(int) - colour_shown(opened)).max() < 6


def test_lost_signal_is_said_over_the_dimmed_picture_and_to_screen_readers(
    opened: WebDriver, run: PaintedRun
) -> None:
    since = time.time() - 90
    lost = replace(run.signal, state="reconnecting", since_unix_s=since, reason="refused")
    run.signal = replace(lost, attempt=2, num_reconnects=7)
    until(lambda: state(opened) == "lost")
    clock = opened.execute_script(
        "return new Date(arguments[0] * 1000).toLocaleTimeString('en-GB')", since
    )
    assert words(opened, "headline") == f"No signal since {clock}"
    assert words(opened, "detail").startswith("refused · Connecting again, attempt 2 · Last")
    assert words(opened, "says") == f"No signal since {clock}"
    live = "return document.getElementById('says').getAttribute('aria-live')"
    assert opened.execute_script(live) == "polite"
    dimmed = "return getComputedStyle(document.getElementById('picture')).filter"
    until(lambda: "brightness(0.35)" in opened.execute_script(dimmed))
    run.signal = replace(run.signal, state="live")
    until(lambda: state(opened) == "live")
    assert words(opened, "says") == "Signal is live"


def test_unverified_model_and_notes_are_seen(opened: WebDriver, run: PaintedRun) -> None:
    seen = "return document.getElementById(arguments[0]).checkVisibility()"
    assert not opened.execute_script(seen, "unverified")
    assert not opened.execute_script(seen, "notes")
    run.changes = {
        "notes": ("<b>dark</b>",),
        "model": {**status().model, "verified": False, "miou": None},
    }
    until(lambda: opened.execute_script(seen, "unverified"))
    assert words(opened, "notes") == "<b>dark</b>"
    assert words(opened, "score") == "mIoU not measured"


def test_a_score_that_is_not_that_of_what_runs_says_so(opened: WebDriver, run: PaintedRun) -> None:
    model = {**status().model, "miou": 0.74, "miou_ci95": None, "score_of": "fp32 weights"}
    run.changes = {"model": model}
    expected = "mIoU 0.740, n = 40, of fp32 weights: what runs was not scored itself"
    until(lambda: words(opened, "score") == expected)


def test_refused_wish_is_told(opened: WebDriver, page: Page, run: PaintedRun) -> None:
    run.changes = {"can_cam": False}
    disabled = "return document.querySelector('[value=cam]').disabled"
    until(lambda: opened.execute_script(disabled))
    opened.execute_script(
        """const radio = document.querySelector('[value=cam]'); radio.disabled = false;
        radio.checked = true; radio.dispatchEvent(new Event('change', {bubbles: true}));"""
    )
    until(lambda: "activation map" in words(opened, "toast"))
    assert page.choice.view == "overlay"


@pytest.mark.parametrize("phone", [False, True])
def test_everything_fits_and_can_be_reached_by_keyboard(
    opened: WebDriver, run: PaintedRun, phone: bool
) -> None:
    run.changes = {"source": "rtsp://" + "long-name." * 12, "notes": ("note " * 40,)}
    resize(opened, PHONE if phone else DESKTOP, mobile=phone)
    until(lambda: "long-name" in words(opened, "source"))
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert opened.execute_script(wide) <= 0
    top = "return document.getElementById('picture').getBoundingClientRect().top"
    assert opened.execute_script(top) < 260
    opened.execute_script("document.activeElement.blur()")
    reached = []
    for _ in range(24):
        opened.switch_to.active_element.send_keys(Keys.TAB)
        script = "return document.activeElement.id || document.activeElement.name || 'link'"
        reached.append(opened.execute_script(script))
    wanted = {"link", "view", "alpha", "pause", "snapshot", "full", "help", "class-0", "class-5"}
    assert wanted <= set(reached)
    named = """return [...document.querySelectorAll('button, input, select')].filter((e) =>
        e.checkVisibility() && !(e.textContent || e.ariaLabel || e.labels?.length)).length"""
    assert opened.execute_script(named) == 0
    resize(opened, DESKTOP)


def test_heat_that_was_configured_stays_over_the_picture(
    opened: WebDriver, page: Page, run: PaintedRun
) -> None:
    page.prefer(PictureChoice(view="overlay", cam=2))
    run.changes = {"cam_configured": 2, "notes": ("configured",)}
    until(lambda: words(opened, "notes") == "configured")
    click(opened, "#text")
    until(lambda: not page.choice.text)
    assert (page.choice.view, page.choice.cam) == ("overlay", 2)
    click(opened, "#cam-view")
    until(lambda: page.choice.view == "cam")
    click(opened, "#views label:has([value=overlay])")
    until(lambda: page.choice.view == "overlay")
    assert page.choice.cam == 2
    click(opened, "#cam option[value='']")
    until(lambda: page.choice.cam is None)
    click(opened, "#text")
    until(lambda: page.choice.text)
    assert page.choice.cam is None


def test_class_of_the_heat_that_is_recorded_cannot_be_chosen(
    opened: WebDriver, run: PaintedRun
) -> None:
    run.changes = {"cam_fixed": 3}
    script = "return [...document.getElementById('cam').options].map((one) => one.disabled)"
    click(opened, "#cam-view")
    until(lambda: opened.execute_script(script) == [True, True, True, True, False, True, True])


def test_a_key_that_is_held_down_acts_once(opened: WebDriver, page: Page) -> None:
    opened.execute_script(
        """for (const repeat of [false, true, true]) document.body.dispatchEvent(
        new KeyboardEvent('keydown', {key: 't', repeat, bubbles: true}));"""
    )
    until(lambda: not page.choice.text)
    assert not opened.execute_script("return document.getElementById('text').checked")
