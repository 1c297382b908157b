"""``losszero-rt run``: the main job, and the default command."""

from pathlib import Path
from typing import Any

import click

from losszero_rt.cli.settings import config_text, load_settings, option

PATH: Any = click.Path(path_type=Path)


def parse_batch(_: click.Context, __: click.Parameter, value: str) -> int:
    """Turn ``auto`` into 0 and anything else into a number."""
    if value == "auto":
        return 0
    try:
        return int(value)
    except ValueError:
        raise click.BadParameter(f"{value!r}: a number of frames, or auto") from None


def parse_classes(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """Split ``a,b`` into names."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def engine_options(function: Any) -> Any:
    """Add the options that choose a model and how it runs."""
    for add in (
        option("--threads", type=int, default=0, help="CPU threads; 0 means every core."),
        option(
            "--batch",
            default="auto",
            callback=parse_batch,
            metavar="N|auto",
            help="Frames a submission to the engine.",
        ),
        option("--allow-unverified", is_flag=True, help="Accept a model without parity record."),
        option(
            "--trust-engine",
            is_flag=True,
            help="Load a TensorRT engine that somebody else built: it is code.",
        ),
        option("--build", is_flag=True, help="Compile a TensorRT engine now where none fits."),
        option(
            "--precision",
            type=click.Choice(["auto", "fp32", "bf16", "fp16"]),
            default="auto",
            help="Arithmetic; auto takes the fastest that is exact enough on the device.",
        ),
        option("--device", default="auto", metavar="auto|cpu|cuda[:N]", help="Where to compute."),
        option(
            "--engine",
            type=click.Choice(["auto", "openvino", "eager", "tensorrt"]),
            default="auto",
            help="What executes the model.",
        ),
        option(
            "--model",
            default="night-ride",
            metavar="NAME|PATH",
            help="Bundle, or checkpoint of a training.",
        ),
    ):
        function = add(function)
    return function


def verbosity_options(function: Any) -> Any:
    """Add -v and -q."""
    function = click.option("-q", "--quiet", is_flag=True, help="Print errors only.")(function)
    return click.option("-v", "--verbose", count=True, help="-v details, -vv tracebacks.")(function)


@click.command("run", short_help="Lay classes over videos and pictures (the default command).")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@option("--out", type=PATH, help="Output file; a folder for several sources.")
@engine_options
@option(
    "--classes",
    default="",
    callback=parse_classes,
    metavar="A,B",
    help="Classes to colour; default all but the background.",
)
@option("--alpha", type=float, default=0.45, help="Weight of the colour, 0 to 1.")
@option(
    "--palette", type=click.Choice(["safe", "classic"]), default="safe", help="Colours of classes."
)
@option("--legend/--no-legend", default=True, help="Draw class names and live shares.")
@option("--hud/--no-hud", default=True, help="Draw FPS, latency, losses and mIoU.")
@option("--objects/--no-objects", default=True, help="Draw and count objects, if the model can.")
@option(
    "--view",
    type=click.Choice(["overlay", "mask", "side", "cam"]),
    default="overlay",
    help="What the output shows; cam is the heat of --cam alone.",
)
@option(
    "--cam",
    default="",
    metavar="CLASS",
    help="Draw where this class speaks, as heat, in place of the class colours.",
)
@option("--stride", type=int, default=1, help="Show every n-th frame only.")
@option("--start", "start_s", type=float, default=0.0, help="Seconds to skip.")
@option("--duration", "duration_s", type=float, help="Seconds to process.")
@option("--stream", type=int, help="Index of the video stream.")
@option("--max-pixels", type=int, default=8192 * 4320, help="Refuse larger pictures.")
@option("--codec", default="auto", help="Encoder: auto, libx264, h264_nvenc or libvpx-vp9.")
@option("--crf", type=int, default=23, help="Quality of the encoder; lower is better.")
@option("--preset", default="", help="Preset of the encoder, ultrafast (default) to slow.")
@option("--audio/--no-audio", default=True, help="Copy the sound.")
@option("--masks", type=PATH, metavar="DIR", help="Write 8-bit PNG files of class ids.")
@option("--json", "json", type=PATH, metavar="FILE", help="Write a JSON line for every frame.")
@option("--report", type=PATH, metavar="FILE", help="Write the report as JSON.")
@option("--labels", type=PATH, metavar="DIR", help="Measure mIoU against label PNG files.")
@option("--force", is_flag=True, help="Overwrite outputs.")
@option("--resume", is_flag=True, help="Go on with an interrupted output.")
@option("--max-loss", type=float, default=0.0, help="Share of frames that may be lost, 0 to 1.")
@click.option(
    "--config",
    type=PATH,
    is_eager=True,
    envvar="LOSSZERO_CONFIG",
    callback=load_settings,
    expose_value=False,
    help="TOML file with option values.",
)
@click.option("--show-config", is_flag=True, help="Print every setting and its origin, then stop.")
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
    from losszero_rt.cli.printing import Printer
    from losszero_rt.pipeline.assemble import run_job
    from losszero_rt.pipeline.config import RunConfig

    printer = Printer(verbose=verbose, quiet=quiet)
    report = run_job(list(sources), config=RunConfig(**options), progress=printer)
    if report is None:
        printer.warn("every output is there already: left as it is")
        return
    unmatched = options["labels"] is not None and report["measured"] is None
    if unmatched and not report["exit_code"]:
        printer.warn(f"--labels {options['labels']}: no frame has a label file of its name there")
    printer.report(report)
    context.exit(report["exit_code"])
