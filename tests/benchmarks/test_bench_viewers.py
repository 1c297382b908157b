"""Viewers that cost frames are found out, drift is not taken for them, and the crowd watches."""

import pytest

from benchmarks.bench_viewers import FEW, MANY, Turn, claims_of, fall_percent, ratios_of
from benchmarks.crowd import crowd
from benchmarks.program import ProgramError
from losszero_rt.serve import Page, PageOptions
from tests.serve.painted import served
from tests.waiting import until


def turn(number: int, *, fps: float, viewers_cores: float = 0.0) -> Turn:
    return Turn(
        viewers=number,
        fps=fps,
        run_cpu_ms=50.0,
        run_cores=2.0 - viewers_cores,
        viewers_cores=viewers_cores,
        viewer_fps=(fps,) * number,
        mib_a_s=1.0,
    )


def test_drift_of_the_machine_is_no_fall() -> None:
    drifting = [40.0 - number for number in range(7)]
    assert fall_percent(ratios_of(drifting)) == pytest.approx(0)
    assert ratios_of([40, 38, 40]) == [pytest.approx(0.95)]
    assert len(ratios_of(drifting)) == 3


@pytest.mark.parametrize(("many_fps", "holds"), [(39.0, True), (37.0, False)])
def test_fall_with_many_viewers_is_found(many_fps: float, holds: bool) -> None:
    turns = [turn(FEW, fps=40.0)]
    for _ in range(3):
        turns += [turn(MANY, fps=many_fps, viewers_cores=0.1), turn(FEW, fps=40.0)]
    claims = {claim.what: claim for claim in claims_of(turns, pace="fast", cores=2)}
    fall = claims["fast: fall of the run's FPS, 1 to 20 viewers"]
    assert fall.holds is holds
    assert fall.value == pytest.approx(100 * (1 - many_fps / 40))
    left = claims["fast: the same, of the cores that the viewers left"]
    assert left.value is not None
    assert left.value == pytest.approx(100 * (1 - many_fps / 1.9 / 20), abs=0.01)
    assert claims["fast: processor time of the run a frame, more by"].value == 0


@pytest.mark.slow
def test_crowd_grows_and_shrinks_and_every_viewer_gets_pictures() -> None:
    page = Page(PageOptions(port=0))
    with served(page) as run, crowd(page.url) as viewers:
        assert viewers.become(5).pictures == []
        until(lambda: page.num_viewers == 5)
        painted = run.num_shown
        until(lambda: run.num_shown > painted + 60)
        taken = viewers.become(2)
        assert len(taken.pictures) == 5
        # More than may be under way unanswered: they say that they have drawn them.
        assert min(taken.pictures) > 10
        assert taken.bytes > 5 * 10 * 1000
        assert 0 < taken.cpu_s < taken.seconds
        until(lambda: page.num_viewers == 2)
        assert len(viewers.become(0).pictures) == 2
        until(lambda: page.num_viewers == 0)
        assert viewers.become(0).pictures == []


def test_crowd_that_lost_its_page_says_so() -> None:
    page = Page(PageOptions(port=0))
    with served(page), crowd(page.url) as viewers:
        viewers.become(1)
        until(lambda: page.num_viewers == 1)
        page.stop()
        with pytest.raises(ProgramError, match="the page ended a connection"):
            until(lambda: viewers.become(1).pictures == [-1])
