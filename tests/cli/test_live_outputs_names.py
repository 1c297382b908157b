"""Names and options of a live run that cannot be heeded are told in one line, before it begins."""

from pathlib import Path

import pytest

from tests.cli.program import Program

SOURCE = "lavfi:testsrc2=size=96x64:rate=30"


@pytest.mark.parametrize("option", ["--record", "--json", "--report"])
def test_name_that_is_too_long_is_told(program: Program, tmp_path: Path, option: str) -> None:
    words = [] if option != "--report" else ["--json", tmp_path / "l"]
    outcome = program("live", SOURCE, *words, option, tmp_path / f"{'n' * 300}.mp4")
    assert outcome.code == 5
    assert "File name too long" in outcome.error_line


def test_one_file_in_two_spellings_is_told(program: Program, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    other = tmp_path / "sub" / ".." / "o.json"
    outcome = program("live", SOURCE, "--json", tmp_path / "o.json", "--report", other)
    assert outcome.code == 2
    assert "one file for two of" in outcome.error_line


@pytest.mark.parametrize(
    "words", [("--token", "long-enough"), ("--cert", "c.pem", "--key", "k.pem")]
)
def test_what_belongs_to_a_page_needs_one(
    program: Program, tmp_path: Path, words: tuple[str, ...]
) -> None:
    outcome = program("live", SOURCE, "--json", tmp_path / "l", *words)
    assert outcome.code == 2
    assert "--serve [HOST:]PORT" in outcome.error_line


@pytest.mark.parametrize("option", ["--deadline-ms", "--max-fps", "--duration"])
def test_what_has_no_end_is_told(program: Program, tmp_path: Path, option: str) -> None:
    outcome = program("live", SOURCE, "--json", tmp_path / "l", option, "inf")
    assert outcome.code == 2
    assert "finite" in outcome.error_line
