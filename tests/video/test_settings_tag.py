"""What an output was made with: written into the file, read back from an interrupted one."""

from pathlib import Path
from typing import Any

import av
import pytest

from losszero_rt.errors import OutputError
from losszero_rt.video import EncodeOptions, part_of
from losszero_rt.video.settings_tag import difference, settings_comment, settings_in
from tests.media import write_clip
from tests.video.test_resuming import go_on, write_until

SETTINGS = {"alpha": 0.45, "classes": ["röd", "lane mark"], "legend": True, "model": "0f" * 8}
GOP = 10


def options(**settings: Any) -> EncodeOptions:
    return EncodeOptions(gop=GOP, crf=10, settings=settings)


def metadata(path: Path) -> dict[str, str]:
    with av.open(f"file:{path}", format=None) as container:
        return dict(container.metadata)


def test_values_come_back_from_a_comment() -> None:
    assert settings_in({"COMMENT": settings_comment(SETTINGS), "title": "x"}) == SETTINGS
    assert settings_comment({}) == ""


@pytest.mark.parametrize("text", ["", "a fine ride", "losszero-rt {", "losszero-rt [1]"])
def test_comments_of_others_hold_nothing(text: str) -> None:
    assert settings_in({"comment": text}) == {}
    assert settings_in({}) == {}


def test_difference_names_both_values() -> None:
    now = {**SETTINGS, "alpha": 0.6, "classes": [], "legend": False}
    text = difference(SETTINGS, now)
    for words in (
        "alpha was 0.45, now it is 0.6",
        "classes was röd,lane mark, now it is all",
        "legend was on, now it is off",
    ):
        assert words in text
    assert "model" not in text
    assert difference(SETTINGS, dict(SETTINGS)) == ""
    assert "does not say" in difference({}, SETTINGS)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "source.mp4", num_frames=60)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_interrupted_output_goes_on_only_with_the_same_settings(
    source: Path, tmp_path: Path, suffix: str
) -> None:
    out = tmp_path / f"o.{suffix}"
    write_until(source, out, stop_at=37, options=options(alpha=0.45))
    before = part_of(out).read_bytes()
    with pytest.raises(OutputError, match=r"alpha was 0\.45, now it is 0\.6") as error:
        go_on(source, out, options=options(alpha=0.6))
    assert "the settings of the interrupted run" in str(error.value)
    assert "--force" in str(error.value)
    assert part_of(out).read_bytes() == before
    assert go_on(source, out, options=options(alpha=0.45)) == list(range(30, 60))
    assert settings_in(metadata(out)) == {"alpha": 0.45}


def test_output_without_settings_has_no_comment(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    write_until(source, out, stop_at=37)
    go_on(source, out)
    assert "comment" not in metadata(out)
