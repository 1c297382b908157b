"""How many frames were wanted, how many of them never came, and what a run ends with."""

from dataclasses import replace
from typing import Any

import pytest

from losszero_rt.errors import ExitCode, LossZeroError, ModelError, OutputError
from losszero_rt.ledger import Ledger
from losszero_rt.pipeline.finishing import exit_code_of, missing_share, num_wanted
from losszero_rt.pipeline.report import SourceResult
from losszero_rt.video.completeness import Reach
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
    part: Any = {"num_seen": 5, "start_s": 0.0, "duration_s": 1.0}
    assert missing_share(silent, **part, reach=Reach()) == 1.0
    endless = replace(CLIP, duration_s_declared=None)
    assert num_wanted(endless, start_s=3.0, duration_s=1.0) == 300


def test_missing_share_is_that_of_the_wanted_part() -> None:
    part: Any = {"start_s": 0.0, "duration_s": 2.0, "reach": Reach()}
    assert missing_share(CLIP, num_seen=45, **part) == pytest.approx(0.25)
    assert missing_share(CLIP, num_seen=60, **part) == 0.0


@pytest.mark.parametrize(
    ("ended_s", "num_gone", "start_s", "duration_s", "expected"),
    [
        (6.5, 0, 0.0, None, 0.35),
        (6.5, 0, 5.0, None, 0.7),
        (6.5, 0, 5.0, 2.0, 0.25),
        (10.0, 100, 0.0, None, 0.5),
        (6.0, 100, 0.0, None, 0.7),
        (None, 100, 0.0, None, 0.5),
        # Nothing is known to be missing, although something is.
        (10.0, 0, 0.0, None, 1.0),
    ],
)
def test_without_a_number_the_share_is_that_of_time_and_gaps(
    ended_s: float | None, num_gone: int, start_s: float, duration_s: float | None, expected: float
) -> None:
    silent = replace(CLIP, num_frames_declared=None)
    share = missing_share(
        silent,
        num_seen=100,
        reach=Reach(ended_s=ended_s, num_gone=num_gone),
        start_s=start_s,
        duration_s=duration_s,
    )
    assert share == pytest.approx(expected)


def ended(
    *failures: LossZeroError, stopped: ExitCode | None = None, source: ExitCode = ExitCode.OK
) -> ExitCode:
    result = SourceResult(
        name="a",
        frames=Ledger().as_dict(),
        output=None,
        error="it failed" if source else None,
        error_code=source,
    )
    return exit_code_of([result], stopped=stopped, failures=failures, lost_share=0.0, max_loss=0.0)


@pytest.mark.parametrize("stopped", [None, ExitCode.SIGINT, ExitCode.SIGTERM])
def test_output_that_failed_is_not_hidden_by_a_signal(stopped: ExitCode | None) -> None:
    assert ended(OutputError("disk full"), stopped=stopped) == ExitCode.OUTPUT
    assert ended(ModelError("NaN"), OutputError("x"), stopped=stopped) == ExitCode.MODEL
    assert ended(source=ExitCode.OUTPUT, stopped=stopped) == ExitCode.OUTPUT


def test_signal_says_more_than_a_source_that_was_cut() -> None:
    assert ended(stopped=ExitCode.SIGINT) == ExitCode.SIGINT
    assert ended(source=ExitCode.INPUT, stopped=ExitCode.SIGINT) == ExitCode.SIGINT
    assert ended(source=ExitCode.INPUT) == ExitCode.INPUT
