"""All that one live source is painted, shown, recorded and looked after with."""

from dataclasses import dataclass
from typing import Any

from losszero_rt.classmap import ClassMap
from losszero_rt.engine import EngineInfo, Model
from losszero_rt.ledger import Ledger
from losszero_rt.livestate import PictureChoice
from losszero_rt.pipeline.json_lines import JsonLines
from losszero_rt.pipeline.lane import Background
from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_feed import LiveStream
from losszero_rt.pipeline.live_figures import LiveShares, Reporter, StreamLine, stream_line
from losszero_rt.pipeline.live_outputs import LiveOutputs, LivePage
from losszero_rt.pipeline.live_picture import ChosenPicture, HeatWatch, make_painter
from losszero_rt.pipeline.live_watch import LiveWatch
from losszero_rt.pipeline.live_window import Window, blank_planes
from losszero_rt.pipeline.options import encode_options
from losszero_rt.pipeline.progress import Progress
from losszero_rt.pipeline.recording import Recording
from losszero_rt.stopping import StopSwitch


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveSetting:
    """What a live run has whatever its source is.

    Attributes:
        config: What to do.
        model: What was loaded.
        engine: What runs.
        classmap: Classes in the colours to use.
        configured: The configured picture, in the words of viewers.
        heat: Has the engine watch classes.
        page: Shows the run.
        server: The thread that serves the page.
        progress: Hears how it goes.
        lines: The JSON lines, if there are any.
    """

    config: LiveConfig
    model: Model
    engine: EngineInfo
    classmap: ClassMap
    configured: PictureChoice
    heat: HeatWatch
    page: LivePage | None
    server: Background | None
    progress: Progress
    lines: JsonLines | None


@dataclass(frozen=True, kw_only=True, eq=False)
class LiveParts:
    """What was opened for one source.

    Attributes:
        recording: Takes the configured picture; None without ``--record``.
        window: Shows the configured picture; None without ``--show``.
        outputs: Paints, and hands on to these and the page.
        watch: Looks after the run.
        line: The line of figures on the picture.
        shares: Remembers the shares of the newest frame.
    """

    recording: Recording | None
    window: Window | None
    outputs: LiveOutputs
    watch: LiveWatch
    line: StreamLine
    shares: LiveShares


def open_parts(
    setting: LiveSetting, *, source: LiveStream, ledger: Ledger, stop: StopSwitch, start_s: float
) -> LiveParts:
    """Open what a source goes to.

    Args:
        setting: The run.
        source: The source.
        ledger: Counts what becomes of its frames.
        stop: Ends the run when set.
        start_s: Monotonic clock when the run began, seconds.

    Raises:
        OutputError: The recording cannot be begun.
    """
    config = setting.config
    outputs, recording, window = _open_outputs(setting, source=source)
    line = stream_line(setting.engine, setting.model, ledger=ledger, source=source)
    shares = LiveShares(setting.classmap.num_classes)
    reporter = Reporter(
        source=source,
        line=line,
        ledger=ledger,
        shares=shares,
        classmap=setting.classmap,
        engine=setting.engine,
        model=setting.model,
        heat=setting.heat,
        configured=setting.configured,
        start_s=start_s,
        choice=outputs.choice,
    )
    watch = LiveWatch(
        source,
        stop=stop,
        progress=setting.progress,
        reporter=reporter,
        page=setting.page,
        server=setting.server,
        window=window,
        recording=recording,
        max_bytes=None if config.max_record_mb is None else config.max_record_mb * 1e6,
        duration_s=config.duration_s,
        alone=config.is_page_alone,
        sole_lines=setting.lines if config.is_json_alone else None,
    )
    outputs.on_shown = watch.on_shown
    return LiveParts(
        recording=recording,
        window=window,
        outputs=outputs,
        watch=watch,
        line=line,
        shares=shares,
    )


def _open_outputs(
    setting: LiveSetting, *, source: LiveStream
) -> tuple[LiveOutputs, Recording | None, Window | None]:
    """Open what the pictures of a source go to, and what paints them."""
    config, info = setting.config, source.info
    facts: dict[str, Any] = {
        "classmap": setting.classmap,
        "info": info,
        "objects": setting.engine.gives_objects,
    }
    painter = make_painter(config, **facts)
    size = painter.output_size
    recording = _open_recording(setting, source=source, size=size)
    window = Window(f"losszero-rt {info.name}", info=info, size=size) if config.show else None
    outputs = LiveOutputs(
        configured=setting.configured,
        painter=painter,
        chosen=ChosenPicture(config, **facts),
        heat=setting.heat,
        spare=blank_planes(info, size=size),
        recording=recording,
        window=window,
        page=setting.page,
    )
    return outputs, recording, window


def _open_recording(
    setting: LiveSetting, *, source: LiveStream, size: tuple[int, int]
) -> Recording | None:
    config = setting.config
    if config.record is None:
        return None
    minutes = config.segment_minutes
    recording = Recording(
        config.record,
        info=source.info,
        size=size,
        options=encode_options(config),
        segment_s=None if minutes is None else minutes * 60,
        force=config.force,
    )
    setting.progress.note(f"{config.record}: encoding with {recording.codec}")
    return recording
