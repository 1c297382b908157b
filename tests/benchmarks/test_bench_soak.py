"""The soak: what it makes of figures, how it cuts the camera, and that nothing outlives it."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.bench_soak import claims_of, growths_of, thinned, unaccounted
from benchmarks.process_tree import Growth, Holding, growth_of, holding_of, tree_of
from benchmarks.rtsp_camera import RtspCamera
from benchmarks.soaking import SILENCE_S, CutCamera, Plan, Sample, Soaked
from benchmarks.visits import Audience, Visit, audience, plan_visits
from losszero_rt.serve import Page, PageOptions
from tests.serve.painted import PaintedRun, served
from tests.waiting import until

FRAMES = {
    "read": 100,
    "shown": 80,
    "late": 2,
    "corrupt": 3,
    "dropped": 15,
    "dropped_by_reason": {"newer": 14, "prekey": 1},
    "suspect": 0,
}
FLAT = Growth(first=100.0, last=100.0)


def test_leak_is_seen_and_warm_up_and_spikes_are_not() -> None:
    times = np.arange(0.0, 1000.0, 2.0)
    leaking = growth_of(times.tolist(), (100 + times / 100).tolist(), warmup_s=100)
    assert leaking.more == pytest.approx(7.2, abs=0.05)
    assert leaking.percent == pytest.approx(100 * 7.2 / 101.9, abs=0.1)
    spiky = np.where(np.arange(len(times)) % 7 == 0, 900.0, 300.0)
    spiky[times < 100] = 10.0
    assert growth_of(times.tolist(), spiky.tolist(), warmup_s=100).more == 0


def test_growth_without_samples_after_warm_up_is_refused() -> None:
    with pytest.raises(ValueError, match="warm-up of 30 s"):
        growth_of([0.0, 10.0], [1.0, 1.0], warmup_s=30)


def test_descriptors_of_viewers_are_no_growth() -> None:
    samples = [
        Sample(
            at_s=float(at),
            holding=Holding(rss_mib=200.0, threads=10, descriptors=9 + 3 * (at > 50)),
            viewers=3 * (at > 50),
        )
        for at in range(100)
    ]
    assert growths_of(samples, warmup_s=10)["descriptors"].more == 0
    assert thinned(samples[:2]) == [[0, 200, 10, 9, 0], [1, 200, 10, 9, 0]]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, 0),
        ({"shown": 79}, 1),
        ({"corrupt": 5}, 2),
        ({"dropped_by_reason": {"newer": 14}}, 1),
        ({"read": 101, "shown": 79}, 2),
    ],
)
def test_ledger_is_exact_or_says_by_how_much_it_is_not(changes: dict[str, Any], wrong: int) -> None:
    assert unaccounted({**FRAMES, **changes}) == wrong


def soaked(*, cuts: int = 3, segments: tuple[int, ...] = (50, 30), failures: int = 0) -> Soaked:
    guests = Audience(failures=["mjpeg at 3 s: cut"] * failures)
    live = {"signal": {"reconnects": 3}, "segments": [{"frames": number} for number in segments]}
    held = Holding(rss_mib=200.0, threads=10, descriptors=9)
    return Soaked(
        samples=(Sample(at_s=1800.0, holding=held, viewers=0),),
        num_cuts=cuts,
        guests=guests,
        report={"frames": FRAMES, "live": live},
        interrupted=False,
    )


def missed(found: Soaked, *, readable: int = 80, **growths: Growth) -> list[str]:
    known = {"rss_mib": FLAT, "threads": FLAT, "descriptors": FLAT, **growths}
    claims = claims_of(found, growths=known, readable=readable)
    assert all(claim.holds is not None for claim in claims)
    return [claim.what for claim in claims if not claim.holds]


def test_good_soak_misses_nothing() -> None:
    assert missed(soaked()) == []
    shrunk = Growth(first=10.0, last=9.0)
    assert missed(soaked(), rss_mib=shrunk, threads=shrunk, descriptors=shrunk) == []


def test_every_fault_of_a_soak_is_told() -> None:
    assert "memory" in missed(soaked(), rss_mib=Growth(first=100.0, last=103.1))[0]
    assert missed(soaked(), rss_mib=Growth(first=100.0, last=102.9)) == []
    assert "threads" in missed(soaked(), threads=Growth(first=10.0, last=11.0))[0]
    assert "descriptors" in missed(soaked(), descriptors=Growth(first=9.0, last=9.5))[0]
    for found in (missed(soaked(), readable=79), missed(soaked(segments=(50, 31)))):
        assert "recording" in found[0]
    for cuts in (2, 4):
        assert "reconnects" in missed(soaked(cuts=cuts))[0]
    assert "visits" in missed(soaked(failures=1))[0]


@pytest.mark.parametrize(
    ("minutes", "every_s", "number"), [(30, 120, 14), (6, 45, 7), (0.6, 10, 3), (1, 120, 0)]
)
def test_last_cut_leaves_time_to_come_back(minutes: float, every_s: float, number: int) -> None:
    plan = Plan(length_s=minutes * 60, reconnect_every_s=every_s, period_s=1)
    assert len(plan.cuts_s) == number
    assert all(at_s <= plan.length_s - every_s / 2 + 1e-3 for at_s in plan.cuts_s)
    assert plan.warmup_s(plan.length_s) <= plan.length_s / 3


class PaperCamera(RtspCamera):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__(size=(90, 160), fps=30)
        self.told: list[str] = []

    def switch_on(self) -> None:
        self.told.append("on")

    def switch_off(self) -> None:
        self.told.append("off")

    def fall_silent(self) -> None:
        self.told.append("silent")


def test_camera_is_cut_both_ways_and_only_after_it_was_found_again() -> None:
    camera = PaperCamera()
    cutting = CutCamera(camera, cuts_s=(10.0, 20.0, 30.0))
    cutting.look(9.9, is_live=True)
    assert (camera.told, cutting.is_cut) == ([], False)
    for at_s in (10.0, 10.2, 11.4):
        cutting.look(at_s, is_live=True)
        assert camera.told == ["off"]
        assert cutting.is_cut
    cutting.look(11.6, is_live=False)
    assert (camera.told, cutting.is_cut) == (["off", "on"], False)
    cutting.look(25.0, is_live=False)
    assert cutting.num_cuts == 1, "it is not live yet"
    cutting.look(26.0, is_live=True)
    assert camera.told[2:] == ["silent"]
    cutting.look(26.0 + SILENCE_S, is_live=False)
    cutting.look(40.0, is_live=False)
    assert camera.told[2:] == ["silent", "off", "on"]
    cutting.forget()
    cutting.look(60.0, is_live=True)
    assert cutting.num_cuts == 2


@pytest.mark.parametrize("length_s", [40.0, 400.0, 1800.0])
def test_viewers_of_both_kinds_come_and_go_in_their_seats(length_s: float) -> None:
    visits = plan_visits(length_s=length_s, seed=3)
    assert visits == plan_visits(length_s=length_s, seed=3)
    assert visits != plan_visits(length_s=length_s, seed=4)
    assert {visit.kind for visit in visits} == {"websocket", "mjpeg"}
    for seat in range(3):
        times = [(v.start_s, v.end_s) for v in visits if v.seat == seat]
        flat = [moment for pair in times for moment in pair]
        assert flat == sorted(flat)
        assert flat[0] > 0
        assert flat[-1] < length_s
    assert any(
        a.start_s < b.start_s < a.end_s for a in visits for b in visits if a.seat != b.seat
    ), "some watch at the same time"


def test_tree_counts_what_a_child_holds() -> None:
    child = "import threading,time; f=[open('/dev/null') for _ in range(40)]\n"
    child += "[threading.Thread(target=time.sleep,args=(600,),daemon=True).start() for _ in '123']"
    child += "\nb=bytearray(b'x'*(64<<20)); print('ready',flush=True); time.sleep(600)"
    parent = f"import subprocess,sys; subprocess.run([sys.executable,'-c',{child!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE)
    assert process.stdout is not None
    pids: list[int] = []
    try:
        assert process.stdout.readline() == b"ready\n"
        pids = tree_of(process.pid)
        assert len(pids) == 2
        held = holding_of(process.pid)
        assert held.threads == 1 + 4
        assert held.descriptors >= 3 + 43
        assert held.rss_mib > 64
        assert holding_of(pids[1]).rss_mib < held.rss_mib
    finally:
        process.kill()
        for pid in pids[1:]:
            subprocess.run(["kill", "-9", str(pid)], check=False)
        process.communicate()


def visit(seat: int, kind: Any, *, end_s: float, abrupt: bool = False) -> Visit:
    return Visit(seat=seat, kind=kind, start_s=0.1, end_s=end_s, view="mask", abrupt=abrupt)


@pytest.fixture
def watched() -> Iterator[tuple[Page, PaintedRun]]:
    page = Page(PageOptions(port=0))
    with served(page) as run:
        yield page, run


@pytest.mark.slow
@pytest.mark.parametrize("abrupt", [False, True])
def test_visitors_see_pictures_and_leave(watched: tuple[Page, PaintedRun], abrupt: bool) -> None:
    page, run = watched
    visits = [
        visit(0, "websocket", end_s=2.0, abrupt=abrupt),
        visit(1, "mjpeg", end_s=2.0, abrupt=abrupt),
    ]
    with audience(page.url, visits=visits) as guests:
        until(lambda: guests.visits == 2)
        until(lambda: page.num_viewers == 0)
    assert guests.failures == []
    assert min(guests.pictures.values()) > 5
    assert "mask" in [choice.view for choice in run.heard]


def test_page_that_ends_fails_those_who_watch(watched: tuple[Page, PaintedRun]) -> None:
    page, _ = watched
    visits = [visit(0, "websocket", end_s=600.0), visit(1, "mjpeg", end_s=600.0)]
    with audience(page.url, visits=visits) as guests:
        until(lambda: page.num_viewers == 2)
        page.stop()
        until(lambda: len(guests.failures) == 2)
    assert guests.visits == 0
    assert sorted(text.partition(" ")[0] for text in guests.failures) == ["mjpeg", "websocket"]
