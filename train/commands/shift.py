"""``python -m train shift``: let a network be slower to call something road."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from losszero_rt.errors import UsageError

if TYPE_CHECKING:
    from train.shifting import Shifted


@click.command()
@click.argument("checkpoint_folder", metavar="CHECKPOINT", type=click.Path(path_type=Path))
@click.option(
    "--by",
    "given",
    multiple=True,
    required=True,
    metavar="CLASS=NUMBER",
    help="What to add to the logits of a class, as road=-0.3; may be repeated.",
)
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option(
    "--split", default="val", show_default=True, metavar="val|train|all|FILE", help="Which part."
)
@click.option("--part", help="Part of the split file; val if left away.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Checkpoint to write.")
@click.option("--force", is_flag=True, help="Replace the checkpoint in --out.")
def shift(
    checkpoint_folder: Path,
    given: tuple[str, ...],
    data_folder: Path | None,
    split: str,
    part: str | None,
    out: Path,
    force: bool,
) -> None:
    """Write CHECKPOINT with a constant added to the logits of some classes, and what it changed.

    With road=-0.3, road is shown only where it is exp(0.3) = 1.35 times as likely as the next
    class. Nothing is trained, nothing becomes slower. Choose the numbers on pictures that are
    not those of the final score.
    """
    from losszero_rt.checkpoint import RECORD_NAME, read_checkpoint
    from train.commands.pictures import choose_part, open_measured
    from train.shifting import shift_checkpoint

    shifts = dict(_pair(text) for text in given)
    if not force and (out / RECORD_NAME).is_file():
        raise UsageError(
            f"{out} already holds a checkpoint",
            accepted="a folder without one",
            remedy="choose another --out, or add --force to replace it; in place, shifts add up",
        )
    classes = read_checkpoint(checkpoint_folder).classes
    pictures = choose_part(open_measured(data_folder, classes=classes), split=split, part=part)
    done = shift_checkpoint(checkpoint_folder, shifts=shifts, out=out, val=pictures)
    for line in _lines(done):
        click.echo(line)
    click.echo(f"written: {out}")


def _pair(text: str) -> tuple[str, float]:
    """Read ``CLASS=NUMBER``."""
    name, _, number = text.rpartition("=")
    try:
        return name.strip(), float(number)
    except ValueError:
        raise UsageError(
            f"--by {text!r}", accepted="CLASS=NUMBER", remedy="as in --by road=-0.3"
        ) from None


def _lines(done: "Shifted") -> list[str]:
    """Return every figure before and after, one a line."""
    before, after = done.before, done.after
    rows: list[tuple[str, float | None, float | None]] = [("mIoU", before.miou, after.miou)]
    names = done.checkpoint.classes.names
    rows += [(f"IoU {n}", *pair) for n, pair in zip(names, _pairs(done), strict=True)]
    rates = after.rates()
    rows += [(name, rate, rates[name]) for name, rate in before.rates().items()]
    head = [f"n={after.n} pictures", f"{'':<28} before   after"]
    return head + [f"{name:<28} {_told(a)}  {_told(b)}" for name, a, b in rows]


def _pairs(done: "Shifted") -> list[tuple[float, float]]:
    return [
        (float(a), float(b))
        for a, b in zip(done.before.class_iou, done.after.class_iou, strict=True)
    ]


def _told(figure: float | None) -> str:
    return "   n/a" if figure is None or figure != figure else f"{figure:6.4f}"
