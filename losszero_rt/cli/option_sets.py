"""Options that several commands have: model, picture, encoder, and where values come from."""

from pathlib import Path
from typing import Any

import click

from losszero_rt.cli.settings import load_settings, option

PATH: Any = click.Path(path_type=Path)
# Under which headings the help shows them.
SECTIONS = {
    "Picture": (
        "--view", "--cam", "--classes", "--alpha", "--palette", "--legend", "--hud", "--objects",
    ),
    "Model": (
        "--model", "--engine", "--device", "--precision", "--batch", "--threads",
        "--streams",
        "--allow-unverified", "--trust-engine", "--build",
    ),
    "Encoder": ("--codec", "--crf", "--preset"),
}  # fmt: skip


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
        option(
            "--threads",
            type=int,
            default=0,
            help="CPU threads; 0 means every core, or every physical one where the CPU engine is "
            "faster so.",
        ),
        option(
            "--streams",
            type=int,
            default=0,
            help="Frames side by side in the CPU engine; 0 measures what is fastest, once.",
        ),
        option(
            "--allow-unverified",
            is_flag=True,
            help="Accept a model without parity record, or the eager engine in bf16 or fp16.",
        ),
        option(
            "--trust-engine",
            is_flag=True,
            help="Load a TensorRT engine that somebody else built: it is code.",
        ),
        option("--build", is_flag=True, help="Compile a TensorRT engine now where none fits."),
        option(
            "--precision",
            type=click.Choice(["auto", "fp32", "bf16", "fp16", "int8"]),
            default="auto",
            help="Arithmetic; auto takes the fastest that was proved equal, measured once.",
        ),
        option(
            "--device",
            default="auto",
            metavar="auto|cpu|cuda[:N]",
            help="Where to compute; auto is the GPU that torch can use, else the CPU.",
        ),
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


def batch_option(function: Any) -> Any:
    """Add the size of a submission."""
    return option(
        "--batch",
        default="auto",
        callback=parse_batch,
        metavar="N|auto",
        help="Frames a submission to the engine.",
    )(function)


def picture_options(function: Any) -> Any:
    """Add the options that say what is drawn."""
    for add in (
        option(
            "--cam",
            default="",
            metavar="CLASS",
            help="Draw where this class speaks, as heat, in place of the class colours.",
        ),
        option(
            "--view",
            type=click.Choice(["overlay", "mask", "side", "cam"]),
            default="overlay",
            help="What the output shows; cam is the heat of --cam alone.",
        ),
        option(
            "--objects/--no-objects",
            default=True,
            help="Draw and count objects, if the model can.",
        ),
        option("--hud/--no-hud", default=True, help="Draw FPS, latency, losses and mIoU."),
        option(
            "--legend/--no-legend",
            default=True,
            help="Draw class names and live shares, unless they would cover half of the picture.",
        ),
        option(
            "--palette",
            type=click.Choice(["safe", "classic"]),
            default="safe",
            help="Colours of classes.",
        ),
        option("--alpha", type=float, default=0.45, help="Weight of the colour, 0 to 1."),
        option(
            "--classes",
            default="",
            callback=parse_classes,
            metavar="A,B",
            help="Classes to colour; default all but the background.",
        ),
    ):
        function = add(function)
    return function


def encoder_options(function: Any) -> Any:
    """Add the options of the video encoder."""
    for add in (
        option("--preset", default="", help="Preset of the encoder, ultrafast (default) to slow."),
        option("--crf", type=int, default=23, help="Quality of the encoder; lower is better."),
        option("--codec", default="auto", help="Encoder: auto, libx264, h264_nvenc or libvpx-vp9."),
    ):
        function = add(function)
    return function


def file_options(function: Any) -> Any:
    """Add the options of what is written beside the video."""
    for add in (
        option("--force", is_flag=True, help="Overwrite outputs."),
        option("--report", type=PATH, metavar="FILE", help="Write the report as JSON."),
        option(
            "--json",
            "json",
            type=PATH,
            metavar="FILE|-",
            help="Write a JSON line for every frame; - for standard output.",
        ),
        option("--max-pixels", type=int, default=8192 * 4320, help="Refuse larger pictures."),
    ):
        function = add(function)
    return function


def config_options(function: Any) -> Any:
    """Add --config and --show-config."""
    function = click.option(
        "--show-config", is_flag=True, help="Print every setting and its origin, then stop."
    )(function)
    return click.option(
        "--config",
        type=PATH,
        is_eager=True,
        envvar="LOSSZERO_CONFIG",
        callback=load_settings,
        expose_value=False,
        help="TOML file with option values.",
    )(function)
