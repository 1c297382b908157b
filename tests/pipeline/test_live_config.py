"""What a live run may be asked, and what is refused with a way out."""

import math
from pathlib import Path
from typing import Any

import pytest

from losszero_rt.errors import UsageError
from losszero_rt.pipeline.live_config import LiveConfig

OUT = Path("ride.mp4")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "--serve 8080"),
        ({"report": Path("r.json")}, "no output asked for"),
        ({"segment_minutes": 5, "serve": True}, "--record ride.mp4"),
        ({"segment_minutes": 0, "record": OUT}, "--segment-minutes"),
        ({"max_record_mb": 5, "serve": True}, "--record ride.mp4"),
        ({"max_record_mb": math.inf, "record": OUT}, "--max-record-mb"),
        ({"policy": "newest", "serve": True}, "all, latest, deadline"),
        ({"deadline_ms": 0.0, "serve": True}, "--deadline-ms"),
        ({"max_fps": float("nan"), "serve": True}, "--max-fps"),
        ({"width": 640, "serve": True}, "--height"),
        ({"width": 640, "height": 1, "serve": True}, "--height"),
        ({"input_fps": 0.0, "serve": True}, "--input-fps"),
        ({"read_timeout_s": 0.0, "serve": True}, "--read-timeout"),
        ({"max_reconnects": -1, "serve": True}, "--max-reconnects"),
        ({"batch": 4, "serve": True}, "--batch"),
        ({"alpha": 2.0, "serve": True}, "--alpha"),
        ({"view": "cam", "serve": True}, "--cam"),
        ({"duration_s": -1.0, "serve": True}, "--duration"),
    ],
)
def test_refusal(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refusal:
        LiveConfig(**options)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    "options", [{"record": OUT}, {"show": True}, {"serve": True}, {"json": Path("l.jsonl")}]
)
def test_one_output_is_enough(options: dict[str, Any]) -> None:
    assert LiveConfig(**options).max_loss == 1.0


def test_rules_and_opening_follow_the_options() -> None:
    config = LiveConfig(
        record=OUT, policy="deadline", deadline_ms=80, max_fps=12, max_reconnects=3, width=640,
        height=360,
    )  # fmt: skip
    assert (config.flow.policy, config.flow.deadline_ms, config.flow.max_fps) == (
        "deadline",
        80,
        12,
    )
    assert (config.opening.width, config.opening.height, config.opening.max_reconnects) == (
        640,
        360,
        3,
    )
    assert config.writes_video
    assert not LiveConfig(serve=True).writes_video
