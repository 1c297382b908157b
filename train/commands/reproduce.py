"""``python -m train reproduce``: make a model that ships again, from nothing."""

import math
from dataclasses import replace
from pathlib import Path

import click


@click.command()
@click.argument("name", metavar="MODEL")
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder to write.  [runs/reproduce-MODEL]"
)
@click.option("--epochs", type=click.IntRange(min=1), help="Stretch or cut every stage.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--time-limit-min", type=click.FloatRange(0), default=math.inf, help="Stop, to be continued."
)
def reproduce(
    name: str,
    data_folder: Path | None,
    out: Path | None,
    epochs: int | None,
    threads: int,
    time_limit_min: float,
) -> None:
    """Run all stages of a model, average some of them and shift the logits.

    The same call goes on after a stop. The result is the checkpoint OUT/final, to be exported
    with ``python -m export``.
    """
    import torch

    from train.commands.pictures import main_source
    from train.commands.training_data import choose_split, fit_to_data, keep_split, training_data
    from train.recipes import recipe
    from train.reproduce import RECEIPTS, pending_stages
    from train.reproduce import reproduce as make_again

    torch.set_num_threads(threads)
    out = out or Path("runs") / f"reproduce-{name}"
    pending = pending_stages(name, out=out, epochs=epochs)
    config, pictures = fit_to_data(recipe(RECEIPTS[name].stages[-1].recipe), data_folder)
    if not pending:
        click.echo("all stages are done; averaging and scoring them")
        # Only the pictures that are scored are needed, none that are trained on beside.
        config = replace(config, num_rides=0, shares={main_source(config): 1.0})
    split = choose_split(pictures, given=None, out=out, fold=None, warns=True)
    keep_split(split, out=out)
    data = training_data(config, pictures, split=split, fold=None, given=data_folder)
    record = make_again(
        name,
        data=data,
        out=out,
        epochs=epochs,
        time_limit_s=60 * time_limit_min,
        say=click.echo,
    )
    if record is None:
        click.echo(f"stopped by the time limit; the same call goes on: {out}")
    else:
        click.echo(f"{out / 'final'}: mIoU {record.scores['miou']:.4f}, n={record.scores['n']}")
