"""``python -m train split``: which pictures are for training and which are kept."""

from pathlib import Path

import click
import numpy as np

from losszero_rt.errors import OutputError, UsageError


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File to write.")
@click.option("--force", is_flag=True, help="Replace the file in --out.")
@click.option("--ratios", help="Sizes of train, val and perhaps test.  [default: 6:2:2]")
@click.option("--folds", type=click.IntRange(min=2), help="Equal parts instead.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the choice.")
@click.option("--layout", default="auto", show_default=True, help="How the data set lies on disk.")
@click.option(
    "--write",
    "copy",
    type=click.Path(path_type=Path),
    help="Also write all pictures as id masks into this new folder, which are quick to read.",
)
def split(
    data: Path,
    out: Path,
    force: bool,
    ratios: str | None,
    folds: int | None,
    seed: int,
    layout: str,
    copy: Path | None,
) -> None:
    """Divide the data set in the folder DATA, never through a ride or between near-duplicates."""
    from train.commands.pictures import measured_folder
    from train.datasets import open_pictures, write_split
    from train.datasets.leaks import find_leaks, near_duplicates
    from train.datasets.splits import absent_classes, part_counts
    from train.datasets.splitting import DEFAULT_RATIOS, make_split
    from train.datasets.writing import write_pictures

    if ratios is not None and folds is not None:
        raise UsageError("--ratios and --folds exclude one another")
    sizes = DEFAULT_RATIOS if ratios is None else _sizes(ratios)
    if out.exists() and not force:
        raise OutputError(
            f"{out} exists",
            accepted="a new file",
            remedy="--force to replace it, or choose another --out",
        )
    pictures = open_pictures(measured_folder(data), layout=layout, thorough=True)
    duplicates = near_duplicates(pictures)
    made = make_split(
        pictures,
        ratios=None if folds else sizes,
        folds=folds,
        seed=seed,
        joined=[(pair.first, pair.second) for pair in duplicates],
    )
    write_split(made, out)
    if copy is not None:
        write_pictures(pictures, copy, split=made)
    for note in pictures.notes:
        click.echo(f"note: {note}")
    names = (*pictures.classes.names, "unlabelled")
    for part, counts in part_counts(pictures, made).items():
        click.echo(f"{part}: {len(made.parts[part])} pictures; {_shares(names, counts)}")
    for part, absent in absent_classes(pictures, made).items():
        if absent:
            click.echo(f"absent in {part}, scores will be n/a: {', '.join(absent)}")
    click.echo(f"{len(duplicates)} near-duplicate pairs kept together")
    for leak in find_leaks(pictures, made, duplicates=duplicates):
        click.echo(f"leak {leak}")
    click.echo(f"data version {made.data_version}")


def _sizes(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(piece) for piece in text.split(":"))
    except ValueError as error:
        raise UsageError(f"--ratios {text}", accepted="numbers with colons: 6:2:2") from error


def _shares(names: tuple[str, ...], counts: np.ndarray) -> str:
    return ", ".join(
        f"{name} {count} px ({count / max(counts.sum(), 1):.2%})"
        for name, count in zip(names, counts, strict=True)
    )
