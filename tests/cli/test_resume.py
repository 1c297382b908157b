"""A run that goes on with an output, and is stopped before it comes to where that one ended."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from losszero_rt.cli import printing
from losszero_rt.cli.printing import Printer
from losszero_rt.errors import ExitCode
from losszero_rt.frame import StreamItem
from losszero_rt.pipeline import assemble
from losszero_rt.pipeline.thinning import thin
from losszero_rt.stopping import StopSwitch
from losszero_rt.video import part_of
from tests.bundles import write_small_checkpoint
from tests.cli.program import Program, read_json
from tests.media import read_clip, read_index

AS_IT_IS = ("--alpha", "0", "--no-legend", "--no-hud", "--crf", "10")


def stop_at(number: int, *, code: ExitCode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the next run receive a signal when its source comes to an item."""
    switches: list[StopSwitch] = []

    class SeenSwitch(StopSwitch):
        def __enter__(self) -> StopSwitch:
            switches.append(self)
            return super().__enter__()

    def stopping(items: Iterable[StreamItem], *, stride: int) -> Iterator[StreamItem]:
        for count, item in enumerate(thin(items, stride=stride)):
            if count == number:
                switches[-1].exit_code = code
            yield item

    monkeypatch.setattr(assemble, "StopSwitch", SeenSwitch)
    monkeypatch.setattr(assemble, "thin", stopping)


@pytest.mark.parametrize(
    ("number", "code"), [(0, ExitCode.SIGINT), (9, ExitCode.SIGINT), (9, ExitCode.SIGTERM)]
)
def test_stop_while_kept_frames_are_replayed_keeps_them(
    program: Program,
    night: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: ExitCode,
) -> None:
    out, report = tmp_path / "o.mp4", tmp_path / "r.json"
    words = (night, "--out", out, "--report", report, *AS_IT_IS)
    program.done(*words)
    # What an interrupted run leaves: forty frames, thirty of them in a whole group of pictures.
    out.rename(part_of(out))
    before = part_of(out).read_bytes()
    with monkeypatch.context() as patched:
        stop_at(number, code=code, monkeypatch=patched)
        assert program(*words, "--resume").code == code
    assert [path.name for path in tmp_path.glob("o.*")] == ["o.mp4.part"]
    assert part_of(out).read_bytes() == before
    assert read_json(report)["output"] is None
    program.done(*words, "--resume")
    assert [read_index(frame.planes) for frame in read_clip(out)[1]] == list(range(40))
    assert read_json(report)["resumed_frames"] == 30


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (("--alpha", "0.7"), "alpha was 0.0, now it is 0.7"),
        (("--view", "mask"), "view was overlay, now it is mask"),
        (("--classes", "road,rider"), "classes was all, now it is road,rider"),
        (("--crf", "30"), "crf was 10, now it is 30"),
        (("--legend",), "legend was off, now it is on"),
        (("--start", "0.1"), "start was 0.0, now it is 0.1"),
    ],
)
def test_other_settings_are_refused_and_what_is_kept_is_left_alone(
    program: Program, night: Path, tmp_path: Path, other: tuple[str, ...], words: str
) -> None:
    out = tmp_path / "o.mp4"
    program.done(night, "--out", out, *AS_IT_IS)
    out.rename(part_of(out))
    before = part_of(out).read_bytes()
    outcome = program(night, "--out", out, *AS_IT_IS, *other, "--resume")
    assert outcome.code == ExitCode.OUTPUT
    for beat in (f"cannot go on with {part_of(out)}", words, "--force instead of --resume"):
        assert beat in outcome.error_line
    assert part_of(out).read_bytes() == before
    program.done(night, "--out", out, *AS_IT_IS, "--resume")


def test_another_model_is_refused(program: Program, night: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    program.done(night, "--out", out, *AS_IT_IS)
    out.rename(part_of(out))
    other = write_small_checkpoint(tmp_path / "other")
    words = (night, "--out", out, *AS_IT_IS, "--model", other, "--threads", "1", "--resume")
    outcome = program(*words)
    assert outcome.code == ExitCode.OUTPUT
    assert "model was " in outcome.error_line


def test_stop_while_kept_frames_are_replayed_says_what_remains_and_how_to_go_on(
    program: Program, night: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "o.mp4"
    program.done(night, "--out", out, *AS_IT_IS)
    out.rename(part_of(out))
    stop_at(9, code=ExitCode.SIGINT, monkeypatch=monkeypatch)
    outcome = program(night, "--out", out, *AS_IT_IS, "--resume")
    (line,) = [text for text in outcome.err.splitlines() if "stopped before" in text]
    for words in ("30 frames that are kept", str(part_of(out)), "--resume goes on"):
        assert words in line


class Steps(Printer):
    """Counts what the progress bar would show."""

    totals: ClassVar[list[int | None]] = []
    counts: ClassVar[list[int]] = []

    def start(self, name: str, *, total: int | None) -> None:
        super().start(name, total=total)
        self.totals.append(total)
        self.counts.append(0)

    def step(self) -> None:
        super().step()
        self.counts[-1] += 1


@pytest.mark.parametrize(
    ("words", "total"),
    [((), 40), (("--start", "0.5"), 25), (("--duration", "0.4"), 12), (("--stride", "4"), 40)],
)
def test_progress_comes_to_its_total(
    program: Program,
    night: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    total: int,
) -> None:
    monkeypatch.setattr(printing, "Printer", Steps)
    Steps.totals.clear()
    Steps.counts.clear()
    out = tmp_path / "o.mp4"
    program.done(night, "--out", out, *AS_IT_IS, *words)
    out.rename(part_of(out))
    program.done(night, "--out", out, *AS_IT_IS, *words, "--resume")
    assert Steps.totals == Steps.counts == [total, total], "kept frames count, too"
