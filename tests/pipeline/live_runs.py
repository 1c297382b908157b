"""Live runs over scripted sources."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from losszero_rt.engine import open_model
from losszero_rt.pipeline.lane import Background
from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_run import LiveRun
from losszero_rt.stopping import StopSwitch
from tests.media import read_clip, read_index
from tests.pipeline.live_doubles import HeardProgress, ScriptedSource, SeenPage

PLAIN: dict[str, Any] = {"legend": False, "hud": False, "policy": "all", "crf": 18}
AS_IT_IS: dict[str, Any] = {**PLAIN, "alpha": 0.0}


def run(
    source: ScriptedSource,
    *,
    bundle: Path,
    page: SeenPage | None = None,
    progress: HeardProgress | None = None,
    stop: StopSwitch | None = None,
    server: Background | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Run a source; return the report, which fits its schema."""
    config = LiveConfig(**{"serve": page is not None, **options})
    model, switch = open_model(str(bundle)), stop or StopSwitch()
    progress = progress or HeardProgress()
    with LiveRun(config, model=model, progress=progress, page=page, server=server) as live:
        report = live.finish(live.process(source, stop=switch), stop=switch)
    schema = json.loads((files("losszero_rt") / "schema" / "report.schema.json").read_text())
    jsonschema.validate(report, schema)
    frames = report["frames"]
    settled = frames["shown"] + frames["late"] + frames["dropped"] + frames["corrupt"]
    assert settled == frames["read"]
    return report


def numbers(path: Path) -> list[int]:
    return [read_index(frame.planes) for frame in read_clip(path)[1]]
