"""``losszero-rt run``: the main job, and the default command."""

from typing import Any

import click

from losszero_rt.cli.option_sets import (
    PATH,
    SECTIONS,
    batch_option,
    config_options,
    encoder_options,
    engine_options,
    file_options,
    picture_options,
    verbosity_options,
)
from losszero_rt.cli.sections import SectionedCommand
from losszero_rt.cli.settings import config_text, option

_SECTIONS = {
    "Outputs": (
        "--out",
        "--masks",
        "--json",
        "--report",
        "--labels",
        "--force",
        "--resume",
        "--max-loss",
    ),
    "Source": (
        "--start",
        "--duration",
        "--stride",
        "--stream",
        "--decode",
        "--max-pixels",
        "--audio",
    ),
    **SECTIONS,
}


@click.command(
    "run",
    cls=SectionedCommand,
    sections=_SECTIONS,
    short_help="Lay classes over videos and pictures (the default command).",
)
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@option("--out", type=PATH, help="Output file; a folder for several sources.")
@engine_options
@batch_option
@picture_options
@option("--stride", type=int, default=1, help="Show every n-th frame only.")
@option("--start", "start_s", type=float, default=0.0, help="Seconds to skip.")
@option("--duration", "duration_s", type=float, help="Seconds to process.")
@option("--stream", type=int, help="Index of the video stream.")
@option(
    "--decode",
    type=click.Choice(["cpu", "nvdec"]),
    default="cpu",
    help="What decodes videos; nvdec is the NVIDIA GPU of --device, the first if none is named.",
)
@encoder_options
@option("--audio/--no-audio", default=True, help="Copy the sound.")
@option("--masks", type=PATH, metavar="DIR", help="Write 8-bit PNG files of class ids.")
@file_options
@option("--labels", type=PATH, metavar="DIR", help="Measure mIoU against label PNG files.")
@option("--resume", is_flag=True, help="Go on with an interrupted output.")
@option("--max-loss", type=float, default=0.0, help="Share of frames that may be lost, 0 to 1.")
@config_options
@verbosity_options
@click.pass_context
def run(
    context: click.Context,
    /,
    sources: tuple[str, ...],
    show_config: bool,
    verbose: int,
    quiet: bool,
    **options: Any,
) -> None:
    """Lay road, lane marks, vehicles, bike and rider over SOURCE and report honestly.

    SOURCE is a video, a picture, a folder, a glob pattern, or @list.txt with one path a line.
    """
    if show_config:
        click.echo(config_text(context))
        return
    if not sources:
        raise click.UsageError("Missing argument 'SOURCE...'.", ctx=context)
    from losszero_rt.cli.devices import settle_device
    from losszero_rt.cli.printing import Printer
    from losszero_rt.pipeline.assemble import run_job
    from losszero_rt.pipeline.config import RunConfig
    from losszero_rt.pipeline.json_lines import is_standard_output

    lines_go_out = is_standard_output(options["json"])
    printer = Printer(verbose=verbose, quiet=quiet, lines_go_out=lines_go_out)
    report = run_job(list(sources), config=RunConfig(**settle_device(options)), progress=printer)
    if report is None:
        printer.warn("every output is there already: left as it is")
        return
    unmatched = options["labels"] is not None and report["measured"] is None
    if unmatched and not report["exit_code"]:
        printer.warn(f"--labels {options['labels']}: no frame has a label file of its name there")
    printer.report(report)
    context.exit(report["exit_code"])
