"""What becomes of a live run whose page is served no more."""

import json
import time
from pathlib import Path

from losszero_rt.errors import ExitCode, OutputError
from losszero_rt.pipeline.lane import Background
from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_job import run_live
from tests.pipeline.live_doubles import (
    HeardProgress,
    ScriptedSource,
    SeenPage,
)
from tests.pipeline.live_runs import AS_IT_IS, PLAIN, numbers, run


def dying_server(*, after_s: float) -> Background:
    """A page's server that fails some time after it began."""

    def serve() -> None:
        time.sleep(after_s)
        raise OutputError("a picture cannot be encoded")

    return Background(serve, name="page")


def test_a_run_whose_page_is_all_there_is_ends_with_its_page(glowing: Path) -> None:
    progress, server = HeardProgress(), dying_server(after_s=0.5)
    report = run(
        ScriptedSource(), bundle=glowing, page=SeenPage(), server=server, progress=progress, **PLAIN
    )
    assert (report["exit_code"], report["live"]["ended_by"]) == (ExitCode.OUTPUT, "page")
    assert progress.failed == ["the page is served no more: a picture cannot be encoded"]
    assert report["frames"]["shown"] > 0


def test_a_recording_goes_on_without_its_page(glowing: Path, tmp_path: Path) -> None:
    progress, out = HeardProgress(), tmp_path / "o.mp4"
    report = run(
        ScriptedSource(count=150, pace_s=0.01),
        bundle=glowing,
        page=SeenPage(),
        server=dying_server(after_s=0.3),
        progress=progress,
        record=out,
        **AS_IT_IS,
    )
    assert (report["exit_code"], report["live"]["ended_by"]) == (ExitCode.OUTPUT, "source")
    assert numbers(out) == list(range(150))
    told = [line for line in progress.warned if "the page is served no more" in line]
    assert len(told) == 1


class DyingPage(SeenPage):
    """A page whose server fails some time after it began."""

    def run(self) -> None:
        time.sleep(0.5)
        raise OutputError("a picture cannot be encoded")


def test_who_waits_at_a_page_that_ends_is_told_and_gets_a_report(
    glowing: Path, tmp_path: Path
) -> None:
    progress, path = HeardProgress(), tmp_path / "r.json"
    config = LiveConfig(model=str(glowing), serve=True, wait=True, report=path)
    report = run_live(
        "http://127.0.0.1:1/absent.mjpg", config=config, progress=progress, page=DyingPage()
    )
    assert report["exit_code"] == ExitCode.OUTPUT
    assert progress.failed == ["the page is served no more: a picture cannot be encoded"]
    assert json.loads(path.read_text())["exit_code"] == ExitCode.OUTPUT
