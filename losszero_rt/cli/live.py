"""``losszero-rt live``: cameras and streams, shown, served and recorded as they come."""

from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from losszero_rt.cli.option_sets import (
    PATH,
    SECTIONS,
    config_options,
    encoder_options,
    engine_options,
    file_options,
    picture_options,
    verbosity_options,
)
from losszero_rt.cli.sections import SectionedCommand
from losszero_rt.cli.settings import config_text, option

if TYPE_CHECKING:
    from losszero_rt.serve import Page

# Where the page lies when nobody says; that of losszero_rt.serve, which is loaded only with it.
SERVE_PLACE = "8080"

_SECTIONS = {
    "Outputs": (
        "--serve", "--show", "--record", "--segment-minutes", "--max-record-mb", "--json",
        "--report", "--force",
    ),
    "Page": ("--token", "--cert", "--key"),
    "Frames": ("--policy", "--deadline-ms", "--max-fps", "--max-loss"),
    "Source": (
        "--width", "--height", "--input-fps", "--read-timeout", "--wait", "--max-reconnects",
        "--duration", "--max-pixels",
    ),
    **SECTIONS,
}  # fmt: skip


def parse_rate(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Turn ``30`` or ``30000/1001`` into a number."""
    try:
        return None if value is None else float(Fraction(value))
    except (ValueError, ZeroDivisionError):
        raise click.BadParameter(f"{value!r}: a number such as 30, 29.97 or 30000/1001") from None


def output_options(function: Any) -> Any:
    """Add the options that say where the picture goes."""
    for add in (
        option("--key", type=PATH, metavar="FILE", help="Private key of --cert, PEM."),
        option("--cert", type=PATH, metavar="FILE", help="Serve by TLS with this PEM chain."),
        option(
            "--token",
            metavar="SECRET",
            help="What viewers must know; one is made up for a page beyond this machine.",
        ),
        option(
            "--max-record-mb",
            type=float,
            help="End the run when --record has so many megabytes, segments together.",
        ),
        option("--segment-minutes", type=float, help="Begin a new file of --record so often."),
        option("--record", type=PATH, metavar="FILE", help="Video to write, without sound."),
        option("--show", is_flag=True, help="Show a window; q or Esc ends the run."),
        option(
            "--serve",
            is_flag=False,
            flag_value=SERVE_PLACE,
            metavar="[[HOST:]PORT]",
            help=f"Serve a web page, for this machine alone unless a host is named; {SERVE_PLACE} "
            "where nothing follows.",
        ),
    ):
        function = add(function)
    return function


def source_options(function: Any) -> Any:
    """Add the options that say how the source is read, and which of its frames are shown."""
    for add in (
        option(
            "--duration", "duration_s", type=float, help="Seconds to run, from the first frame on."
        ),
        option(
            "--max-reconnects",
            type=int,
            help="Attempts in a row that may fail to bring a lost signal back, or to get the first "
            "one under --wait; default no limit.",
        ),
        option(
            "--wait",
            is_flag=True,
            help="Try a source that does not answer at first until it does; without this that ends "
            "the run, so that a typo shows. A refused login (401, 403) ends it always; one that "
            "worked before, when it is refused for the third time.",
        ),
        option(
            "--read-timeout",
            "read_timeout_s",
            type=float,
            default=5.0,
            help="Seconds without a frame until the signal counts as lost; the first one is waited "
            "for as long, and at least 10.",
        ),
        option(
            "--input-fps", callback=parse_rate, metavar="RATE", help="Rate to ask a camera for."
        ),
        option("--height", type=int, help="Height to ask a camera for, with --width."),
        option("--width", type=int, help="Width to ask a camera for, with --height."),
        option("--max-loss", type=float, default=1.0, help="Share of frames that may be lost."),
        option("--max-fps", type=float, help="Frames a second to show at most."),
        option(
            "--deadline-ms",
            type=float,
            default=250.0,
            help="Under --policy deadline, frames older than this are late and left out; one is "
            "shown all the same when nothing was for half a second (over_deadline).",
        ),
        option(
            "--policy",
            type=click.Choice(["all", "latest", "deadline"]),
            default="latest",
            help="Which frames are shown when not all can be.",
        ),
    ):
        function = add(function)
    return function


@click.command(
    "live",
    cls=SectionedCommand,
    sections=_SECTIONS,
    short_help="Lay classes over a camera or stream as it comes: window, web page, recording.",
)
@click.argument("source", required=False, metavar="SOURCE", envvar="LOSSZERO_SOURCE")
@output_options
@source_options
@engine_options
@picture_options
@encoder_options
@file_options
@config_options
@verbosity_options
@click.pass_context
def live(
    context: click.Context,
    /,
    source: str | None,
    serve: str | None,
    token: str | None,
    show_config: bool,
    verbose: int,
    quiet: bool,
    **options: Any,
) -> None:
    """Show the overlay of a live SOURCE now, and report what was lost.

    SOURCE is a camera (0, /dev/video0, webcam:NAME), a stream (rtsp://, http://, https://,
    udp://), lavfi:GRAPH or screen. LOSSZERO_SOURCE keeps its password out of the list of
    processes.
    """
    if show_config:
        click.echo(config_text(context))
        return
    if source is None:
        after = " after --serve, which takes what follows it for its place" if serve else ""
        raise click.UsageError(f"Missing argument 'SOURCE'{after}.", ctx=context)
    if source == "screen":
        # Before OpenCV: both bring libraries of X, and grabbing dies with those of OpenCV.
        import_module("av")
    from losszero_rt.cli.devices import settle_device
    from losszero_rt.cli.printing import Printer
    from losszero_rt.errors import UsageError
    from losszero_rt.pipeline.json_lines import is_standard_output
    from losszero_rt.pipeline.live_config import LiveConfig
    from losszero_rt.pipeline.live_job import run_live

    files = {name: options.pop(name) for name in ("cert", "key")}
    named = [name for name in ("token", "cert", "key") if _is_named(context, name)]
    if serve is None and named:
        raise UsageError(
            f"--{named[0]} without a page",
            accepted="--token, --cert and --key with --serve [HOST:]PORT",
            remedy="add --serve 8080, or leave them away",
        )
    config = LiveConfig(serve=serve is not None, **settle_device(options))
    page = None if serve is None else open_page(serve, token=token, **files)
    lines_go_out = is_standard_output(options["json"])
    printer = Printer(verbose=verbose, quiet=quiet, lines_go_out=lines_go_out)
    report = run_live(
        source,
        config=config,
        progress=printer,
        page=page,
        on_served=_announcer(known=token is not None, quiet=quiet and token is not None),
    )
    printer.report(report)
    context.exit(report["exit_code"])


def _is_named(context: click.Context, name: str) -> bool:
    """Say whether an option stands on the command line: a setting may be there for other runs."""
    return context.get_parameter_source(name) is ParameterSource.COMMANDLINE


def open_page(place: str, *, token: str | None, cert: Any, key: Any) -> "Page":
    """Return the page of a place such as ``8080`` or ``0.0.0.0:8080``; its port is free yet."""
    from losszero_rt.serve import Page, PageOptions, parse_place

    host, port = parse_place(place)
    return Page(PageOptions(host=host, port=port, token=token, cert=cert, key=key))


def _announcer(*, known: bool, quiet: bool) -> Callable[[str], None]:
    """Return what prints the address of the page; a token that was made up is printed here alone.

    It goes past all that takes secrets out of texts, because this one is for the person there. A
    token that was given is known to whoever gave it, and is not printed.
    """

    def announce(url: str) -> None:
        if not quiet:
            click.echo(f"watch at {url.partition('#')[0] if known else url}", err=True)

    return announce
