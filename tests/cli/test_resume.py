"""A run that goes on with an output, and is stopped before it comes to where that one ended."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from losszero_rt.errors import ExitCode
from losszero_rt.frame import StreamItem
from losszero_rt.pipeline import assemble
from losszero_rt.pipeline.stopping import StopSwitch
from losszero_rt.pipeline.thinning import thin
from losszero_rt.video import part_of
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
