"""How many frames were wanted, and how many of them never came."""

from dataclasses import replace

import pytest

from losszero_rt.pipeline.finishing import missing_share, num_wanted
from tests.pipeline.test_pipeline import INFO

CLIP = replace(INFO, num_frames_declared=300, duration_s_declared=10.0)


@pytest.mark.parametrize(
    ("start_s", "duration_s", "expected"),
    [(0.0, None, 300), (4.0, None, 180), (0.0, 2.0, 60), (9.0, 5.0, 30), (20.0, None, 0)],
)
def test_wanted_part_has_its_share_of_the_frames(
    start_s: float, duration_s: float | None, expected: int
) -> None:
    assert num_wanted(CLIP, start_s=start_s, duration_s=duration_s) == expected


def test_number_that_was_not_declared_stays_unknown() -> None:
    silent = replace(CLIP, num_frames_declared=None)
    assert num_wanted(silent, start_s=0.0, duration_s=1.0) is None
    assert missing_share(silent, num_seen=5, start_s=0.0, duration_s=1.0) == 1.0
    endless = replace(CLIP, duration_s_declared=None)
    assert num_wanted(endless, start_s=3.0, duration_s=1.0) == 300


def test_missing_share_is_that_of_the_wanted_part() -> None:
    assert missing_share(CLIP, num_seen=45, start_s=0.0, duration_s=2.0) == pytest.approx(0.25)
    assert missing_share(CLIP, num_seen=60, start_s=0.0, duration_s=2.0) == 0.0
