"""A model that nobody compared with its network: refused, and where it is allowed, named so."""

import json
from pathlib import Path

import pytest

from losszero_rt.overlay.lettering import Lettering
from losszero_rt.pipeline import survey
from tests.cli.glowing import write_bundle
from tests.cli.program import Program, read_json
from tests.media import write_clip

pytestmark = pytest.mark.usefixtures("base_install")

WHY = "openvino: no parity record for this graph"


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("unproved") / "raw", verified=False)


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with room for a line of figures."""
    folder = tmp_path_factory.mktemp("wide")
    return write_clip(folder / "wide.mp4", size=(360, 640), num_frames=4)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line of text that is set for a picture, as far as it fits."""
    lines: list[str] = []
    real = Lettering.line

    def note(self: Lettering, text: str) -> object:
        lines.append(text)
        return real(self, text)

    monkeypatch.setattr(Lettering, "line", note)
    return lines


def test_it_is_refused_without_leave(program: Program, raw: Path, wide: Path) -> None:
    out = raw.parent / "o.mp4"
    outcome = program(wide, "--out", out, "--model", raw)
    assert outcome.code == 4
    assert f"is unverified: {WHY}" in outcome.error_line
    assert "--allow-unverified" in outcome.error_line
    assert not out.exists()


def test_picture_report_and_summary_say_so(
    program: Program, raw: Path, wide: Path, tmp_path: Path, drawn: list[str]
) -> None:
    report = tmp_path / "r.json"
    words = ("--out", tmp_path / "o.mp4", "--report", report, "--model", raw)
    outcome = program.done(wide, *words, "--allow-unverified")
    assert any("UNVERIFIED" in line for line in drawn), drawn
    assert read_json(report)["model"]["verified"] is False
    assert "UNVERIFIED" in outcome.out


def test_nothing_says_so_of_a_model_that_was_proved(
    program: Program, bundle: Path, wide: Path, tmp_path: Path, drawn: list[str]
) -> None:
    report = tmp_path / "r.json"
    words = ("--out", tmp_path / "o.mp4", "--report", report, "--model", bundle)
    outcome = program.done(wide, *words)
    assert any("mIoU 0.50" in line for line in drawn), drawn
    assert not any("UNVERIFIED" in line for line in drawn)
    assert read_json(report)["model"]["verified"] is True
    assert "UNVERIFIED" not in outcome.out
    for command in ("inspect", "verify", "doctor"):
        said = program.done(command, bundle).out
        assert "UNVERIFIED" not in said.replace("night-ride", ""), command


def test_every_command_about_models_says_so(
    program: Program, raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "list_bundles", lambda: [raw])
    assert "UNVERIFIED" in program.done("models").out
    assert f"UNVERIFIED     {WHY}" in program.done("doctor").out
    facts = json.loads(program.done("doctor", "--json").out)
    assert facts["models"]["raw"]["UNVERIFIED"] == WHY
    assert f"UNVERIFIED: {WHY}" in program.done("inspect", raw).out
    record = json.loads(program.done("inspect", raw, "--json").out)
    assert (record["verified"], record["faults"]) == (False, [WHY])
    outcome = program("verify", raw)
    assert outcome.code == 4
    assert "UNVERIFIED: 1 fault;" in outcome.out
