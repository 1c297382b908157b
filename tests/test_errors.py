import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from losszero_rt.errors import (
    ExitCode,
    InputError,
    LossZeroError,
    ModelError,
    NotFiniteError,
    OutputError,
    UsageError,
    clean_text,
)

words = st.text(string.ascii_letters + string.digits + "!$%:;,.@", min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("kind", "code"),
    [(UsageError, 2), (InputError, 3), (ModelError, 4), (OutputError, 5)],
)
def test_each_error_has_its_exit_code(kind: type[LossZeroError], code: int) -> None:
    assert kind("x").exit_code == code
    assert ExitCode(code).value == code


def test_message_has_three_beats_on_one_line() -> None:
    error = InputError("x.txt\nis no video.", accepted="mp4, mkv", remedy="convert it")
    assert str(error) == "x.txt is no video. mp4, mkv. convert it"


@pytest.mark.parametrize(
    ("precision", "remedy"), [("bf16", "--precision fp32"), ("fp32", "losszero-rt verify MODEL")]
)
def test_an_overflow_says_what_may_help_where_it_happened(precision: str, remedy: str) -> None:
    error = NotFiniteError("the network", precision=precision)
    assert error.exit_code == 4
    assert error.fault == f"overflows in {precision}: its values are not finite"
    assert str(error).startswith(f"the network {error.fault}. ")
    assert str(error).endswith(remedy)


@given(st.text())
def test_no_control_character_survives(text: str) -> None:
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in clean_text(text))


def test_terminal_escapes_are_stripped_whole() -> None:
    assert clean_text("a\x1b[31mred\x1b[0m\x07b") == "aredb"


@given(user=words, secret=words, host=st.sampled_from(["cam.local", "10.0.0.7:554", "[::1]"]))
def test_no_secret_in_a_url_survives(user: str, secret: str, host: str) -> None:
    text = f"cannot open rtsp://{user}:{secret}@{host}/live: refused"
    cleaned = clean_text(text)
    assert f"{user}:{secret}" not in cleaned
    assert f"rtsp://***@{host}/live: refused" in cleaned
