"""A page on a real port: pictures, figures, wishes, several viewers, slow ones, and its end."""

import threading
import time
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import pairwise
from statistics import median

import httpx
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from losszero_rt.livestate import PictureChoice
from losszero_rt.serve import Page, PageOptions
from losszero_rt.serve.message_limit import MESSAGES_AT_ONCE, MESSAGES_PER_S
from losszero_rt.timings import now_s
from tests.serve.painted import SIZE, PaintedRun, painted, served, status, until
from tests.serve.watcher import USUAL, Watcher, address, watching


def test_pictures_advance_and_are_those_that_were_painted(page: Page, run: PaintedRun) -> None:
    with watching(page) as viewer:
        seen = [viewer.picture() for _ in range(12)]
    assert all(picture.drawn_index == picture.index for picture in seen)
    assert all(one.index < two.index for one, two in pairwise(seen))
    assert all(one.number + 1 == two.number for one, two in pairwise(seen))
    assert seen[-1].bgr_HWC.shape == (*SIZE, 3)
    assert all(picture.age_ms > 0 for picture in seen)
    assert all(picture.screen_ms > 0 for picture in seen[3:])
    assert abs(seen[-1].unix_s - time.time()) < 20


def test_figures_come_as_they_were_published(page: Page, run: PaintedRun) -> None:
    run.changes = {"notes": ("dark",)}
    with watching(page) as viewer:
        until(lambda: viewer.text("status")["notes"] == ["dark"])
        told = viewer.text("status")
    assert told["signal"]["state"] == "live"
    assert told["frames"]["shown"] == 22_411
    assert told["num_viewers"] == 1


def test_nothing_is_wanted_while_nobody_watches(page: Page, run: PaintedRun) -> None:
    until(lambda: run.num_shown > 5)
    assert not page.wants_frame
    assert page.num_viewers == 0
    with watching(page) as viewer:
        viewer.picture()
        assert page.num_viewers == 1
        until(lambda: page.wants_frame)
    until(lambda: page.num_viewers == 0)
    assert not page.wants_frame


def test_one_who_comes_while_no_pictures_come_sees_the_last_one(
    page: Page, run: PaintedRun
) -> None:
    with watching(page) as viewer:
        viewer.picture()
        run.signal = replace(run.signal, state="stalled")
        until(lambda: viewer.text("status")["signal"]["state"] == "stalled")
        with watching(page) as other:
            assert other.picture().index == run.num_shown - 1


def test_wish_reaches_the_run_and_all_viewers(page: Page, run: PaintedRun) -> None:
    with watching(page) as one, watching(page) as other:
        one.text("status")
        one.say(t="choice", view="mask", alpha=0.7, classes=[1, 3], cam=None, text=True)
        asked = until(lambda: (told := other.text("status"))["asked"]["view"] == "mask" and told)
        assert asked["asked"]["classes"] == [1, 3]
        wanted = PictureChoice(view="mask", alpha=0.7, classes=(1, 3))
        until(lambda: run.heard[-1] == wanted)


def test_flood_of_wishes_is_heeded_little_by_little_and_slows_nobody(
    page: Page, run: PaintedRun
) -> None:
    num_wishes = MESSAGES_AT_ONCE + int(2 * MESSAGES_PER_S)
    with watching(page) as flooding, watching(page) as other:
        other.text("status")
        start_s = now_s()
        for number in range(num_wishes):
            flooding.say(t="choice", **{**USUAL, "alpha": (number + 1) / num_wishes})
        until(lambda: page.choice.alpha > 0)
        num_shown = run.num_shown
        seen = [other.picture() for _ in range(15)]
        assert page.choice.alpha < 1, "there are pictures while wishes wait"
        until(lambda: page.choice.alpha == 1)
        took_s = now_s() - start_s
    assert took_s > 1.8
    assert run.num_shown - num_shown > 20
    assert median(picture.age_ms for picture in seen) < 100


def test_preferred_picture_holds_until_somebody_asks(page: Page, run: PaintedRun) -> None:
    page.prefer(PictureChoice(view="side", alpha=0.2))
    with watching(page) as viewer:
        assert viewer.text("status")["asked"]["view"] == "side"
        viewer.say(t="choice", view="mask", alpha=0.7, classes=None, cam=None, text=True)
        until(lambda: page.choice.view == "mask")
        page.prefer(PictureChoice(view="side"))
        assert page.choice.view == "mask"


@pytest.mark.parametrize(
    "message",
    [
        {"t": "choice", **USUAL, "view": "nothing"},
        {"t": "choice", **USUAL, "alpha": 9},
        {"t": "drawn", "number": "one"},
        {"t": "drawn", "number": True},
        {"t": "unknown"},
        {},
    ],
)
def test_refused_wish_is_answered_and_changes_nothing(
    page: Page, run: PaintedRun, message: dict[str, object]
) -> None:
    with watching(page) as viewer:
        viewer.text("status")
        before = page.choice
        viewer.say(**message)
        assert viewer.text("refused")["why"]
        assert page.choice == before
        viewer.picture()


def test_one_pauses_and_the_other_goes_on(page: Page, run: PaintedRun) -> None:
    with watching(page) as one, watching(page) as other:
        one.picture()
        one.say(t="pause", paused=True)
        until(lambda: sum(viewer.paused for viewer in page._hub.viewers) == 1)
        other.picture()
        assert not page.paused
        other.say(t="pause", paused=True)
        until(lambda: page.paused)
        assert not page.wants_frame
        one.say(t="pause", paused=False)
        until(lambda: not page.paused)
        last = one.picture()
        assert one.picture().index > last.index
    until(lambda: not page.paused)


def frames_until(viewer: Watcher, index: int) -> int:
    count = 1
    while viewer.picture().index < index:
        count += 1
    return count


@pytest.mark.slow
def test_slow_viewer_gets_fewer_pictures_each_of_them_new(page: Page, run: PaintedRun) -> None:
    with watching(page) as quick, watching(page) as slow:
        quick.picture()
        taken = threading.Event()
        slow_seen: list[tuple[int, int]] = []

        def look_slowly() -> None:
            while not taken.is_set():
                picture = slow.picture(drawn=False)
                taken.wait(0.4)
                slow_seen.append((picture.index, run.num_shown))
                slow.say(t="drawn", number=picture.number)

        thread = threading.Thread(target=look_slowly)
        thread.start()
        num_quick = frames_until(quick, run.num_shown + 90)
        taken.set()
        thread.join(20)
    assert num_quick > 3 * len(slow_seen)
    # Never a queue: each picture is at most the two under way behind, not ever further.
    behind = [shown - index for index, shown in slow_seen]
    assert median(behind[len(behind) // 2 :]) <= 2 * median(behind[: len(behind) // 2]) + 10


def test_viewer_that_never_answers_gets_two_pictures_and_slows_nobody(
    page: Page, run: PaintedRun
) -> None:
    with watching(page) as mute, watching(page) as quick:
        first = [mute.picture(drawn=False).number for _ in range(2)]
        with pytest.raises(TimeoutError):
            mute.picture(drawn=False, limit_s=1.0)
        seen = [quick.picture() for _ in range(10)]
    assert len(first) == 2
    assert seen[-1].index > seen[0].index


@pytest.mark.slow
def test_show_neither_encodes_nor_waits_whoever_does_not_read(page: Page) -> None:
    with served(page, size=(720, 1280)) as run, ExitStack() as stack:
        viewers = [stack.enter_context(watching(page)) for _ in range(3)]
        viewers[0].picture()
        del run.show_ms[:]
        frames_until(viewers[0], run.num_shown + 45)
        # The quicker half: in the others it waited for the interpreter, which the viewers of this
        # very process keep busy.
        quick_ms = sorted(run.show_ms)[: len(run.show_ms) // 2]
        assert median(quick_ms) < median(page._hub.encode_ms)


def test_one_encoding_serves_all_viewers(page: Page, run: PaintedRun) -> None:
    with ExitStack() as stack:
        viewers = [stack.enter_context(watching(page)) for _ in range(4)]
        seen = [{p.number: p.bgr_HWC for p in (v.picture() for _ in range(8))} for v in viewers]
    shared = set(seen[0]).intersection(*seen[1:])
    for number in shared:
        assert all(np.array_equal(seen[0][number], one[number]) for one in seen)
    assert page._hub.num_sent > len(page._hub.encode_ms)


def test_encoding_takes_one_thread_however_fast_pictures_come(page: Page) -> None:
    before = set(threading.enumerate())
    with served(page, rate=400), watching(page) as viewer:
        for _ in range(300):
            viewer.picture()
        names = [thread.name for thread in threading.enumerate() if thread not in before]
    assert len([name for name in names if name.startswith(("jpeg", "asyncio"))]) == 1, names


def test_killed_viewer_is_forgotten(page: Page, run: PaintedRun) -> None:
    with watching(page) as viewer, watching(page) as other:
        viewer.picture()
        until(lambda: page.num_viewers == 2)
        viewer.socket.socket.close()
        until(lambda: page.num_viewers == 1)
        other.picture()


def test_too_many_viewers_are_told_so(no_leaks: None) -> None:
    page = Page(PageOptions(port=0, max_viewers=1))
    with served(page), watching(page) as first:
        first.picture()
        with watching(page) as second, pytest.raises(ConnectionClosed) as closed:
            second.picture()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
        url = address(page, path="/stream.mjpg", scheme="http")
        assert httpx.get(url, timeout=20).status_code == 503
        first.picture()


def test_oversized_and_binary_messages_end_the_viewer_alone(page: Page, run: PaintedRun) -> None:
    with watching(page) as good:
        good.picture()
        for message in ("x" * 20_000, b"\x00\x01"):
            with watching(page) as bad:
                bad.socket.send(message)
                with pytest.raises(ConnectionClosed):
                    frames_until(bad, 1 << 30)
        good.picture()
        until(lambda: page.num_viewers == 1)


def test_end_is_told_and_leaves_nothing_behind(no_leaks: None) -> None:
    page = Page(PageOptions(port=0))
    with ExitStack() as viewers:
        with served(page):
            viewer = viewers.enter_context(watching(page))
            viewer.picture()
            start_s = now_s()
            page.stop()
            assert viewer.text("end") == {"t": "end"}
            with pytest.raises(ConnectionClosed):
                viewer.text("nothing")
        assert now_s() - start_s < 10
    # Shown and published after the end: nobody is there, nothing is raised.
    page.show(painted(1), index=1, captured_at_s=0.0)
    page.publish(status())


def test_mute_viewer_does_not_hold_up_the_end(no_leaks: None) -> None:
    page = Page(PageOptions(port=0))
    with closing(ExitStack()) as viewers:
        with served(page, size=(720, 1280)):
            viewer = viewers.enter_context(watching(page))
            viewer.picture(drawn=False)
            start_s = now_s()
        assert now_s() - start_s < 10
