from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from losszero_rt.errors import UsageError
from losszero_rt.frame import VideoInfo
from losszero_rt.pipeline import memory
from losszero_rt.pipeline.config import RunConfig
from losszero_rt.pipeline.memory import check_memory, estimate_bytes

HD = VideoInfo(
    name="hd",
    size=(1080, 1920),
    coded_size=(1080, 1920),
    rate_declared=Fraction(30),
    time_base=Fraction(1, 90_000),
    codec="h264",
    pix_fmt="yuv420p",
)
LARGEST = replace(HD, name="8k", size=(4320, 8192))
PLAIN = RunConfig(out=Path("o.mp4"))


def test_usual_run_needs_less_than_promised_and_batches_of_8k_need_much() -> None:
    assert estimate_bytes(HD, config=PLAIN) < 900 * 2**20
    assert estimate_bytes(LARGEST, config=replace(PLAIN, batch=16)) > 3 * 2**30


def test_side_by_side_needs_more_and_no_output_less() -> None:
    side = estimate_bytes(HD, config=replace(PLAIN, view="side"))
    silent = estimate_bytes(HD, config=RunConfig(masks=Path("m")))
    assert silent < estimate_bytes(HD, config=PLAIN) < side


def test_what_does_not_fit_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**30)
    check_memory(HD, config=PLAIN)
    with pytest.raises(UsageError, match=r"8k at 8192x4320, batch 8.*--batch 1"):
        check_memory(LARGEST, config=replace(PLAIN, batch=8))
    with pytest.raises(UsageError, match="smaller pictures"):
        check_memory(LARGEST, config=PLAIN)


def test_unknown_memory_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    check_memory(LARGEST, config=replace(PLAIN, batch=64))
