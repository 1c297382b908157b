"""``python -m train evaluate``: what a checkpoint is worth."""

from pathlib import Path

import click

from losszero_rt.checkpoint import load_network
from losszero_rt.metrics import BoundaryKeeper
from train.commands.data import data_folder as find_data
from train.datasets import read_folder
from train.evaluate import score


@click.command()
@click.argument("checkpoint_folder", type=click.Path(path_type=Path))
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
def evaluate(checkpoint_folder: Path, data_folder: Path | None) -> None:
    """Print what a checkpoint is worth on the validation pictures."""
    network, checkpoint = load_network(checkpoint_folder)
    pictures = read_folder(
        find_data(data_folder) / "night_ride", classes=checkpoint.classes, split="val"
    )
    boundary = BoundaryKeeper(checkpoint.classes)
    scores = score(
        network, pictures, spec=checkpoint.input, classes=checkpoint.classes, boundary=boundary
    )
    outlines = boundary.scores()
    intervals = scores.bootstrap()
    low, high = intervals["miou"]
    click.echo(f"mIoU {scores.miou:.4f}  95% CI {low:.3f}..{high:.3f}  n={scores.n}")
    for class_id, name in enumerate(checkpoint.classes.names):
        low, high = intervals["class_iou"][name]
        click.echo(
            f"{name:>12}  IoU {scores.class_iou[class_id]:.3f} ({low:.3f}..{high:.3f})"
            f"  boundary IoU {outlines.class_iou[class_id]:.3f}"
        )
    for name, rate in scores.rates().items():
        click.echo(f"{name:>20}  {'not measured' if rate is None else f'{rate:.4f}'}")
