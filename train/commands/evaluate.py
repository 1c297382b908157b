"""``python -m train evaluate``: what a checkpoint is worth."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from losszero_rt.checkpoint import load_network, write_whole
from losszero_rt.metrics import BANDS

if TYPE_CHECKING:
    from train.evaluate import Augmentation
    from train.scored import Scored

_AVERAGED = {
    "flips": "picture and mirror image",
    "scales": "three input sizes",
    "both": "three input sizes, each with its mirror image",
}


@click.command()
@click.argument("checkpoint_folder", metavar="CHECKPOINT", type=click.Path(path_type=Path))
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option(
    "--split", default="val", show_default=True, metavar="val|train|all|FILE", help="Which part."
)
@click.option("--part", help="Part of the split file; val if left away.")
@click.option(
    "--tta",
    "test_time",
    type=click.Choice(["none", *_AVERAGED]),
    default="none",
    help="Average over mirrored and scaled pictures; slower than any frame rate that is told.",
)
@click.option("--bands", is_flag=True, help="Far, middle and near apart.")
@click.option("--boundary", is_flag=True, help="Outlines with their intervals.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write every figure.")
def evaluate(
    checkpoint_folder: Path,
    data_folder: Path | None,
    split: str,
    part: str | None,
    test_time: "Augmentation",
    bands: bool,
    boundary: bool,
    json_path: Path | None,
) -> None:
    """Print what a checkpoint is worth on labelled pictures."""
    from train.commands.pictures import choose_part, open_measured
    from train.scored import score_all

    network, checkpoint = load_network(checkpoint_folder)
    everything = open_measured(data_folder, classes=checkpoint.classes)
    pictures = choose_part(everything, split=split, part=part)
    scored = score_all(
        network,
        pictures,
        spec=checkpoint.input,
        classes=checkpoint.classes,
        test_time=test_time,
    )
    for line in _lines(scored, test_time=test_time, boundary=boundary, bands=bands):
        click.echo(line)
    if json_path is not None:
        record = {
            "weights_sha256": checkpoint.weights_sha256,
            "data": pictures.name,
            "split": Path(split).name,
            "part": part,
            "test_time_augmentation": test_time,
            **scored.as_dict(),
            "pictures": [scored.picture(index) for index in range(scored.scores.n)],
        }
        write_whole(json_path, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())


def _lines(
    scored: "Scored", *, test_time: "Augmentation", boundary: bool, bands: bool
) -> list[str]:
    scores, outlines = scored.scores, scored.outlines
    areas, edges = scores.bootstrap(), outlines.bootstrap()
    lines = []
    if test_time != "none":
        lines.append(f"with test-time augmentation ({_AVERAGED[test_time]}): not at any frame rate")
    lines.append(f"mIoU {scores.miou:.4f}  95% CI {_span(areas['miou'])}  n={scores.n}")
    lines.append(f"pixel accuracy {scores.pixel_accuracy:.4f}")
    if boundary:
        lines.append(f"boundary IoU {outlines.miou:.4f}  95% CI {_span(edges['miou'])}")
    for class_id, name in enumerate(scores.classmap.names):
        edge = f"{outlines.class_iou[class_id]:.3f}"
        edge += f" ({_span(edges['class_iou'][name])})" if boundary else ""
        lines.append(
            f"{name:>12}  IoU {scores.class_iou[class_id]:.3f} "
            f"({_span(areas['class_iou'][name])})  boundary IoU {edge}"
        )
    lines += [f"{name:>20}  {_told(rate)}" for name, rate in scores.rates().items()]
    for band in BANDS if bands else ():
        apart = scored.bands[band]
        lines.append(f"{band}: mIoU {apart.miou:.4f}")
        lines += [f"{name:>20}  {_told(rate)}" for name, rate in apart.rates().items()]
    return [line.replace("nan", "n/a") for line in lines]


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f}..{interval[1]:.3f}"


def _told(rate: float | None) -> str:
    return "not measured" if rate is None else f"{rate:.4f}"
