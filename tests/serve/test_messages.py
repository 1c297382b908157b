"""What travels to and from browsers: clean, finite, and checked."""

import json
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from losszero_rt.errors import UsageError
from losszero_rt.livestate import PictureChoice
from losszero_rt.serve.messages import parse_choice, parse_message, status_text
from tests.serve.painted import status
from tests.serve.watcher import USUAL


def test_choice_is_read() -> None:
    asked = {"view": "cam", "alpha": 1, "classes": [3, 1, 1], "cam": 2, "text": False}
    assert parse_choice(asked, status=status()) == PictureChoice(
        view="cam", alpha=1, classes=(1, 3), cam=2, text=False
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"view": "everything"},
        {"view": None},
        {"alpha": 1.5},
        {"alpha": True},
        {"alpha": "0.5"},
        {"alpha": float("nan")},
        {"classes": [6]},
        {"classes": [-1]},
        {"classes": [True]},
        {"classes": "road"},
        {"classes": [1.0]},
        {"cam": 6},
        {"cam": "road"},
        {"view": "cam"},
        {"text": None},
        {"text": 1},
    ],
)
def test_choice_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        parse_choice({**USUAL, **wrong}, status=status())


def test_activation_maps_are_refused_where_the_model_has_none() -> None:
    with pytest.raises(UsageError, match="activation map"):
        parse_choice({**USUAL, "view": "cam", "cam": 1}, status=status(can_cam=False))


def test_classes_are_refused_while_they_are_unknown() -> None:
    with pytest.raises(UsageError):
        parse_choice({**USUAL, "classes": [1]}, status=None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(["view", "alpha", "classes", "cam"]), JSON_VALUES))
def test_any_wish_is_either_a_choice_or_refused(wish: dict[str, Any]) -> None:
    try:
        choice = parse_choice(wish, status=status())
    except UsageError:
        return
    assert 0 <= choice.alpha <= 1


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "[" * 5000, '{"a":1}x', "\x00"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_message(text)


def test_figures_arrive_whole() -> None:
    choice = PictureChoice(view="side", alpha=0.3, classes=(1, 2))
    found = json.loads(status_text(status(), asked=choice, num_viewers=3))
    assert found["frames"]["dropped_by_reason"] == {"newer": 133, "prekey": 3}
    assert found["class_names"][1] == "road"
    assert found["class_colours"][1] == [20, 130, 80]
    assert found["asked"]["classes"] == [1, 2]
    assert found["signal"]["state"] == "live"
    assert found["num_viewers"] == 3


def test_what_is_no_finite_number_becomes_null() -> None:
    odd = status(fps=float("nan"), age_ms=MappingProxyType({"p50": float("inf")}))
    found = json.loads(status_text(odd, asked=PictureChoice(), num_viewers=0))
    assert found["fps"] is None
    assert found["age_ms"] == {"p50": None}


def test_secrets_and_escapes_never_reach_the_page() -> None:
    secret = "rtsp://admin:hunter2@10.0.0.9/live"
    told = status(source=secret, notes=(f"lost {secret} \x1b[31mred",))
    told = replace(told, signal=replace(told.signal, reason=f"401 from {secret}"))
    text = status_text(told, asked=PictureChoice(), num_viewers=1)
    assert "hunter2" not in text
    assert "\\u001b" not in text
    assert "10.0.0.9" in text
