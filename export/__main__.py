"""Command line of the export: ``python -m export MODEL --out BUNDLE``."""

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from export.config import ENGINE_CHOICES, EXPORT_PRECISIONS, ExportConfig
from export.ending import Ended, ends_cleanly
from export.engine_request import ATTENTIONS
from losszero_rt.bundle import Bundle
from losszero_rt.engine import compiled_scores, weights_score
from losszero_rt.errors import ExitCode, LossZeroError


def parse_batches(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """Split ``1,2,8`` into numbers."""
    try:
        return tuple(sorted({int(part) for part in value.split(",")}))
    except ValueError:
        raise click.BadParameter(f"{value!r}: numbers such as 1,2,8") from None


def parse_size(_: click.Context, __: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Split ``384x672`` into height and width."""
    if value is None:
        return None
    try:
        height, width = map(int, value.lower().split("x"))
    except ValueError:
        raise click.BadParameter(f"{value!r}: height and width such as 384x672") from None
    return height, width


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Bundle to write.")
@click.option("--name", default="", help="What to call it; the name of --out if left away.")
@click.option(
    "--labelled",
    type=click.Path(path_type=Path),
    help="Folder with images/ and masks/ for scores and parity. Without it the bundle is "
    "unverified: losszero-rt then runs it with --allow-unverified alone.",
)
@click.option("--split", default="", help="Rows of manifest.json in --labelled; all if left away.")
@click.option(
    "--licence",
    default="",
    help="Of the weights; if left away that of the bundle, and of a checkpoint none is stated.",
)
@click.option(
    "--notes",
    type=click.Path(path_type=Path),
    help="Markdown lines for the model card's limits; those of a bundle if left away.",
)
@click.option("--force", is_flag=True, help="Replace the bundle that is there.")
@click.option(
    "--portable/--no-portable",
    default=True,
    show_default=True,
    help="Also write the network as one ONNX file that any runtime reads, proved like the rest.",
)
@click.option(
    "--engine",
    type=click.Choice(ENGINE_CHOICES),
    default="openvino",
    show_default=True,
    help="What to compile; TensorRT needs the NVIDIA GPU that will run it; onnx is the portable "
    "file alone.",
)
@click.option(
    "--precision",
    type=click.Choice(EXPORT_PRECISIONS),
    default="auto",
    show_default=True,
    help="Arithmetic. OpenVINO: auto is every float of its CPU, and int8 where that is equal "
    "enough; fp32 nothing else; bf16 also fp32, for CPUs without; int8 insists on it beside the "
    "floats. TensorRT: fp16 (auto), fp32, int8 or fp8. ONNX: fp32 (auto).",
)
@click.option(
    "--attention",
    type=click.Choice(ATTENTIONS),
    default="auto",
    show_default=True,
    help="Of transformers in TensorRT engines: one operation, its parts, or as it is written.",
)
@click.option(
    "--calibration",
    type=click.Path(path_type=Path),
    help="Labelled pictures that ranges of int8 and fp8 are measured on; the rows train of "
    "--labelled if left away.",
)
@click.option("--calibration-split", default="", help="Rows of its manifest.json.")
@click.option(
    "--imgsz",
    callback=parse_size,
    metavar="HxW",
    help="Height and width of the input; those of the training if left away. A bundle keeps its "
    "own.",
)
@click.option(
    "--batch",
    "batches",
    default="1",
    show_default=True,
    callback=parse_batches,
    metavar="N[,N...]",
    help="Frames a call, a TensorRT engine for each.",
)
def main(model: Path, **options: Any) -> None:
    """Turn a checkpoint into a bundle that losszero-rt runs.

    MODEL is the folder of a checkpoint; or of a bundle, or the name of one that ships: then its
    weights are kept as they are, and compiled once more. Licence, credits and notes go with them.
    """
    try:
        config = ExportConfig(model=model, **options)
        with ends_cleanly():
            # It takes seconds, in which somebody may end it.
            from export.exporting import export_bundle

            bundle = export_bundle(config, say=_tell)
    except LossZeroError as error:
        _tell(f"error: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _tell("interrupted: nothing was written")
        sys.exit(ExitCode.SIGINT)
    except Ended as ended:
        _tell(f"{ended}: nothing was written")
        sys.exit(ended.exit_code)
    try:
        click.echo(_summary(bundle))
    except OSError as error:
        _tell(
            f"error: {bundle.path} was written, but not this on standard output: {error.strerror}"
        )
        # What is left in the buffer would be tried again at the end.
        sys.stdout = None
        sys.exit(ExitCode.OUTPUT)


def _tell(line: str) -> None:
    """Say something on standard error; whoever hung up may have taken the terminal along."""
    with suppress(OSError):
        click.echo(line, err=True)


def _summary(bundle: Bundle) -> str:
    state = "verified" if bundle.is_verified else "UNVERIFIED"
    megabytes = sum(record.num_bytes for record in bundle.files.values()) / 1e6
    found = [weights_score(bundle)]
    found += [score for name in bundle.engines for score in compiled_scores(bundle, name).values()]
    scores = "".join(f", mIoU {score.miou:.4f} of {score.of}" for score in found if score)
    return f"{bundle.path}: {state}, {megabytes:.1f} MB{scores or ', not scored'}"


if __name__ == "__main__":
    main()
