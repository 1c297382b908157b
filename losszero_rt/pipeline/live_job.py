"""A live run from its address to its report."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from losszero_rt.engine import open_model
from losszero_rt.errors import LossZeroError, OutputError, UsageError
from losszero_rt.pipeline.jobs import check_side_file
from losszero_rt.pipeline.lane import Background
from losszero_rt.pipeline.live_config import LiveConfig
from losszero_rt.pipeline.live_outputs import LivePage
from losszero_rt.pipeline.live_run import LiveRun
from losszero_rt.pipeline.live_waiting import Stop, wait_for
from losszero_rt.pipeline.live_window import check_window
from losszero_rt.pipeline.options import encode_options
from losszero_rt.pipeline.progress import Progress
from losszero_rt.pipeline.segments import check_recording, is_of_recording
from losszero_rt.stopping import StopSwitch
from losszero_rt.video import Address, LiveOptions, LiveSource, parse_address

_LOOK_PERIOD_S = 0.05
# How long a run that was told to stop waits for a connection that is being made.
_PATIENCE_S = 2.0


def run_live(
    address: str,
    *,
    config: LiveConfig,
    progress: Progress,
    page: LivePage | None = None,
    on_served: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Show, serve and record a live source until it is told to end.

    Args:
        address: The source: a camera's number, path or name, a URL, ``lavfi:GRAPH``, ``screen``.
        config: What to do.
        progress: Hears how it goes.
        page: Served while the run goes on; its port is taken before the model loads.
        on_served: Called with the address of the page once its port is taken.

    Returns:
        The report, whose ``exit_code`` is what the process should end with. A source that is lost
        for good, a recording that cannot be written on, or a page that ends while its source is
        waited for, is in the report; what was recorded until then is finished.

    Raises:
        LossZeroError: Nothing could be begun.
    """
    check_outputs(config)
    place = parse_address(address, options=config.opening)
    if place.kind == "screen" and config.show:
        raise UsageError(
            "--show of the screen, which the window would be on",
            accepted="--serve or --record",
            remedy="--serve 8080 shows it on another machine",
        )
    with StopSwitch() as stop, served(page, progress=progress, on_served=on_served) as server:
        model = open_model(config.model, allow_unverified=config.allow_unverified)
        model.classmap.ids_of((*config.classes, *([config.cam] if config.cam else ())))
        with LiveRun(config, model=model, progress=progress, page=page, server=server) as run:
            try:
                source = _source_of(place, config=config, run=run, stop=stop, progress=progress)
            except OutputError as error:  # the page ended while it was all that anybody saw
                run.fail(error)
                source = None
            if source is None:
                return run.finish(None, stop=stop)
            try:
                return run.finish(run.process(source, stop=stop), stop=stop)
            finally:
                source.close()


def check_outputs(config: LiveConfig) -> None:
    """Refuse outputs that cannot be written or shown, before anything is computed.

    Raises:
        UsageError: Names do not fit, or no window can be opened.
        OutputError: A file exists, or a folder is missing or cannot be written.
    """
    files = {"--record": config.record, "--json": config.json, "--report": config.report}
    _check_names({option: path.resolve() for option, path in files.items() if path is not None})
    if config.record is not None:
        check_recording(
            config.record,
            segments=config.segment_minutes is not None,
            options=encode_options(config),
            force=config.force,
        )
    for option, path in files.items():
        if path is not None and option != "--record":
            check_side_file(path, option=option, force=config.force)
    if config.show:
        check_window()


def _check_names(files: dict[str, Path]) -> None:
    """Refuse one name for two outputs, those that a recording may come to among them."""
    if len(set(files.values())) < len(files):
        raise UsageError(
            "one file for two of --record, --json and --report", accepted="different names"
        )
    recording = files.get("--record")
    for option, path in files.items():
        if recording is None or option == "--record" or path.parent != recording.parent:
            continue
        # Also without segments: where a file cannot hold a gap another one goes on.
        if is_of_recording(path, recording=recording):
            raise UsageError(
                f"{option} {path.name} is a name that the recording {recording.name} may need",
                accepted="another name",
            )


@contextmanager
def served(
    page: LivePage | None, *, progress: Progress, on_served: Callable[[str], None] | None
) -> Iterator[Background | None]:
    """Serve a page while the body runs.

    Raises:
        OutputError: The port cannot be taken.
    """
    if page is None:
        yield None
        return
    page.bind()
    for warning in page.warnings:
        progress.warn(f"page: {warning}")
    if on_served is not None:
        on_served(page.url)
    server = Background(page.run, name="page")
    try:
        yield server
    finally:
        page.stop()
        with suppress(Exception):  # it was said when it happened
            server.join()


def _source_of(
    address: Address, *, config: LiveConfig, run: LiveRun, stop: StopSwitch, progress: Progress
) -> LiveSource | None:
    """Open a source at once, or as soon as it is there; None when the run was stopped meanwhile."""
    if not config.wait:
        return open_live(address, options=config.opening, stop=stop)
    with run.lobby(address.name, stop=stop) as lobby:

        def open_it(options: LiveOptions) -> LiveSource | None:
            return open_live(address, options=options, stop=lobby, look=lobby.look)

        return wait_for(open_it, options=config.opening, lobby=lobby, progress=progress)


def open_live(
    address: Address,
    *,
    options: LiveOptions,
    stop: Stop,
    look: Callable[[], None] = lambda: None,
) -> LiveSource | None:
    """Open a source; None when the run was stopped meanwhile.

    It is opened on a thread of its own, as connecting can take longer than a person who pressed
    Ctrl-C will wait.

    Raises:
        InputError: It cannot be opened.
    """
    if stop.is_set:
        return None
    opening = _Opening(address, options=options)
    work = Background(opening.run, name="connect")
    try:
        while not work.join(_LOOK_PERIOD_S):
            look()
            if stop.is_set and not work.join(_PATIENCE_S):
                opening.forgo()
                return None
    except LossZeroError:
        opening.forgo()
        if stop.is_set:  # whoever asked for the end does not ask why there was no picture
            return None
        raise
    return opening.source


class _Opening:
    """A source that is being opened; whoever does not wait for it any more forgoes it."""

    def __init__(self, address: Address, *, options: LiveOptions) -> None:
        self._address, self._options = address, options
        self._is_forgone = False
        self.source: LiveSource | None = None

    def run(self) -> None:
        self.source = LiveSource(self._address, options=self._options)
        if self._is_forgone:
            self.source.close()

    def forgo(self) -> None:
        """Have the source closed, now or once it is open."""
        self._is_forgone = True
        if self.source is not None:
            self.source.close()
