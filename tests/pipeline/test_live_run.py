"""A live run over a scripted source: real engine, real painter, real encoder."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from losszero_rt.errors import ExitCode, ModelError
from losszero_rt.frame import StreamItem
from losszero_rt.livestate import PictureChoice
from losszero_rt.stopping import StopSwitch
from losszero_rt.video import probe
from tests.media import read_clip, read_index
from tests.pipeline.live_doubles import (
    NAME,
    RATE,
    SIZE,
    TICKS,
    HeardProgress,
    ScriptedSource,
    SeenPage,
    numbered_frame,
)
from tests.pipeline.live_runs import AS_IT_IS, PLAIN, numbers, run


def test_every_frame_is_recorded_and_reported(glowing: Path, tmp_path: Path) -> None:
    out, lines = tmp_path / "o.mp4", tmp_path / "l.jsonl"
    report = run(
        ScriptedSource(count=40, prekey=3), bundle=glowing, record=out, json=lines, **AS_IT_IS
    )
    assert report["exit_code"] == 0
    assert numbers(out) == list(range(3, 40))
    assert report["frames"]["dropped_by_reason"] == {"prekey": 3}
    assert report["output"]["frames"] == 37
    live = report["live"]
    assert live["source"] == NAME
    assert live["rate_measured"] == pytest.approx(RATE, rel=0.01)
    assert live["rate_declared"] == RATE
    assert live["ended_by"] == "source"
    assert live["age_ms"]["p50"] > 0
    written = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [line["fate"] for line in written[:-1]] == ["dropped"] * 3 + ["shown"] * 37
    assert {line["source"] for line in written[:-1]} == {NAME}
    assert written[-1]["report"]["live"]["source"] == NAME


def test_gap_is_told_reported_and_kept_in_the_recording(glowing: Path, tmp_path: Path) -> None:
    out, progress = tmp_path / "o.mp4", HeardProgress()
    source = ScriptedSource(count=40, gap_at=20, gap_s=1.0)
    report = run(source, bundle=glowing, progress=progress, record=out, **AS_IT_IS)
    assert any("no signal since" in line for line in progress.warned)
    assert any("signal is back after" in line for line in progress.warned)
    signal = report["live"]["signal"]
    assert (signal["num_gaps"], signal["reconnects"]) == (1, 1)
    assert signal["lost_s"] == pytest.approx(1.0, abs=0.5)
    assert signal["gaps"][0]["reason"] == "no data for 5 s"
    report_of = probe(out)
    steps = np.diff([float(pts * report_of.time_base) for pts in report_of.pts])
    assert steps[19] == pytest.approx(1.0 + 1 / RATE, abs=1e-3)
    assert numbers(out) == list(range(40)), "no frame is invented"


def test_gap_of_hours_is_recorded_in_another_file_and_the_report_names_both(
    glowing: Path, tmp_path: Path
) -> None:
    class Overnight(ScriptedSource):
        def __iter__(self) -> Iterator[StreamItem]:
            for number in range(30):
                night = 8 * 3600 * 90_000 if number >= 12 else 0
                yield numbered_frame(number, pts=number * TICKS + night)

    out, progress = tmp_path / "o.mp4", HeardProgress()
    report = run(Overnight(), bundle=glowing, progress=progress, record=out, **AS_IT_IS)
    assert report["exit_code"] == 0
    assert [segment["frames"] for segment in report["live"]["segments"]] == [12, 18]
    assert numbers(out) + numbers(tmp_path / "o-001.mp4") == list(range(30))
    assert report["output"]["frames"] == report["frames"]["shown"] == 30
    assert any("o-001.mp4 goes on" in line for line in progress.warned)


def test_source_lost_for_good_finishes_recording_and_report(glowing: Path, tmp_path: Path) -> None:
    out, path, progress = tmp_path / "o.mp4", tmp_path / "r.json", HeardProgress()
    source = ScriptedSource(fail_at=25)
    report = run(source, bundle=glowing, progress=progress, record=out, report=path, **AS_IT_IS)
    assert report["exit_code"] == 3
    assert report["live"]["ended_by"] == "lost"
    assert numbers(out) == list(range(25))
    assert json.loads(path.read_text()) == report
    assert progress.failed == [report["sources"][0]["error"]]
    assert not list(tmp_path.glob("*.part"))


def test_stop_finishes_what_there_is(glowing: Path, tmp_path: Path) -> None:
    out, stop = tmp_path / "o.mp4", StopSwitch()

    class Stopped(ScriptedSource):
        def _wait(self, seconds: float) -> None:
            if self.signal.state == "live":
                self.num_live = getattr(self, "num_live", 0) + 1
                if self.num_live == 30:
                    stop.exit_code = ExitCode.SIGTERM
            super()._wait(seconds)

    report = run(Stopped(), bundle=glowing, stop=stop, record=out, **AS_IT_IS)
    assert report["exit_code"] == 143
    assert report["live"]["ended_by"] == "signal"
    assert numbers(out) == list(range(report["frames"]["shown"]))


def test_silent_source_is_stopped_too(glowing: Path, tmp_path: Path) -> None:
    """The look that comes while no frame does ends the run, and an empty recording is none."""
    stop = StopSwitch()
    stop.exit_code = ExitCode.SIGINT
    source = ScriptedSource(gap_at=0, gap_s=120.0)
    report = run(source, bundle=glowing, stop=stop, record=tmp_path / "o.mp4", **AS_IT_IS)
    assert report["exit_code"] == 130
    assert report["output"] is None
    assert list(tmp_path.iterdir()) == []


def test_duration_counts_from_the_first_frame(glowing: Path, tmp_path: Path) -> None:
    report = run(
        ScriptedSource(), bundle=glowing, record=tmp_path / "o.mp4", duration_s=0.5, **AS_IT_IS
    )
    assert (report["exit_code"], report["live"]["ended_by"]) == (0, "duration")
    assert report["frames"]["shown"] > 5


def test_losses_over_the_limit_end_with_6_and_are_allowed_by_default(
    glowing: Path, tmp_path: Path
) -> None:
    lines = tmp_path / "l.jsonl"
    source = {"count": 20, "prekey": 5}
    assert run(ScriptedSource(**source), bundle=glowing, json=lines, **PLAIN)["exit_code"] == 0
    strict: dict[str, Any] = {"json": lines, "force": True, "max_loss": 0.1}
    report = run(ScriptedSource(**source), bundle=glowing, **strict, **PLAIN)
    assert report["exit_code"] == 6
    loose = {**strict, "max_loss": 0.3}
    assert run(ScriptedSource(**source), bundle=glowing, **loose, **PLAIN)["exit_code"] == 0


def test_page_gets_its_own_picture_and_the_recording_keeps_the_configured_one(
    glowing: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "o.mp4", SeenPage()

    class Asking(SeenPage):
        def prefer(self, choice: PictureChoice) -> None:
            assert choice.alpha == 0.0
            self.choice = PictureChoice(view="mask")

    page = Asking()
    run(ScriptedSource(count=30), bundle=glowing, page=page, record=out, **AS_IT_IS)
    assert numbers(out) == list(range(30))
    indices = [index for index, _, _ in page.pictures]
    assert indices == list(range(30))
    recorded = [frame.planes.y for frame in read_clip(out)[1]]
    differences = [
        np.abs(seen.astype(int) - recorded[index].astype(int)).mean()
        for index, _, seen in page.pictures
    ]
    assert min(differences) > 5, "colours on black are no dark and light bars"


def test_page_shares_the_recorded_picture_when_it_asks_for_the_same(
    glowing: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "o.mp4", SeenPage()
    run(ScriptedSource(count=20), bundle=glowing, page=page, record=out, **AS_IT_IS)
    recorded = [frame.planes.y for frame in read_clip(out)[1]]
    for index, _, seen in page.pictures:
        assert np.abs(seen.astype(int) - recorded[index].astype(int)).mean() < 4


@pytest.mark.parametrize("quiet", ["nobody", "paused"])
def test_page_gets_no_picture_nobody_wants(glowing: Path, quiet: str) -> None:
    page = SeenPage(wants_frame=quiet != "nobody")

    class Paused(SeenPage):
        def prefer(self, choice: PictureChoice) -> None:
            self.choice = replace(choice, paused=True)

    page = page if quiet == "nobody" else Paused()
    report = run(ScriptedSource(count=20), bundle=glowing, page=page, **PLAIN)
    assert page.pictures == []
    assert report["frames"]["shown"] == 20
    assert page.statuses[-1].frames["shown"] == 20


def test_viewers_are_told_the_figures(glowing: Path) -> None:
    page = SeenPage()
    source = ScriptedSource(count=120, pace_s=0.01, rate_measured=14.9)
    source.warnings.append("camera gives 15 of 30 FPS: long exposure in low light?")
    run(source, bundle=glowing, page=page, policy="all")
    middle, last = page.statuses[len(page.statuses) // 2], page.statuses[-1]
    assert middle.signal.state == "live"
    assert last.signal.state == "ended"
    assert middle.fps > 0
    assert (middle.fps_measured, middle.fps_declared) == (14.9, 30.0)
    assert sum(middle.shares) == pytest.approx(1, abs=0.01)
    assert len(middle.shares) == len(middle.class_names) == len(middle.class_colours)
    assert middle.size == SIZE
    assert middle.age_ms["p95"] >= middle.age_ms["p50"] > 0
    assert middle.model["miou"] == 0.5
    assert middle.engine["name"] == "openvino"
    assert any("low light" in note for note in middle.notes)
    assert not middle.can_cam


def test_viewer_asks_for_the_heat_of_a_class_and_is_shown_it_soon(glowing_cams: Path) -> None:
    class Asking(SeenPage):
        def prefer(self, choice: PictureChoice) -> None:
            self.choice = PictureChoice(view="cam", cam=0)

    page = Asking()
    run(ScriptedSource(count=30), bundle=glowing_cams, page=page, **PLAIN)
    assert page.statuses[-1].can_cam
    assert page.statuses[-1].choice.cam == 0
    first, last = page.pictures[0][2], page.pictures[-1][2]
    assert len(page.pictures) == 30, "until the maps come the class colours are shown"
    assert last.max() < 20 < first.min(), "this class has no heat anywhere"


def test_recorded_heat_cannot_be_changed_by_viewers(glowing_cams: Path, tmp_path: Path) -> None:
    class Asking(SeenPage):
        def prefer(self, choice: PictureChoice) -> None:
            self.choice = replace(choice, cam=1)

    page, out = Asking(), tmp_path / "o.mp4"
    heat = {**PLAIN, "cam": "rider"}
    report = run(ScriptedSource(count=12), bundle=glowing_cams, page=page, record=out, **heat)
    assert report["cam"] == "rider"
    assert page.statuses[-1].choice.cam == 4
    assert len(page.pictures) == 12


def test_heat_of_a_model_without_maps_is_refused(glowing: Path) -> None:
    with pytest.raises(ModelError, match="no class activation maps"):
        run(ScriptedSource(count=3), bundle=glowing, page=SeenPage(), cam="rider", **PLAIN)


def test_viewer_may_hide_every_class(glowing: Path) -> None:
    class Asking(SeenPage):
        def prefer(self, choice: PictureChoice) -> None:
            self.choice = replace(choice, classes=())

    page = Asking()
    run(ScriptedSource(count=8), bundle=glowing, page=page, **{**PLAIN, "legend": True})
    assert page.statuses[-1].choice.classes == ()
    bars = page.pictures[3][2][SIZE[0] // 4 : -SIZE[0] // 4]
    assert read_index_of(bars) == 3, "nothing is coloured"


def read_index_of(luma: np.ndarray) -> int:
    from losszero_rt.frame import Planes

    half = np.full((luma.shape[0] // 2, luma.shape[1] // 2), 128, np.uint8)
    return read_index(Planes(y=luma, u=half, v=half))
