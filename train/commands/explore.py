"""``python -m train explore``: look at a data set before training on it."""

from pathlib import Path
from typing import Literal

import click

from losszero_rt.errors import InputError, clean_text


@click.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--layout", default="auto", show_default=True, help="How the data lies on disk.")
@click.option("--split", type=click.Path(path_type=Path), help="Split file of train split.")
@click.option("--verify", is_flag=True, help="Compare annotations with colour masks.")
@click.option("--limit", type=click.IntRange(min=1), help="Look at so many pictures, spread out.")
@click.option(
    "--rotation",
    type=click.Choice(("vector", "euler")),
    default="vector",
    show_default=True,
    help="How parking data states the turn from LiDAR to camera.",
)
def explore(
    data: Path,
    out: Path,
    layout: str,
    split: Path | None,
    verify: bool,
    limit: int | None,
    rotation: Literal["vector", "euler"],
) -> None:
    """Look at a data set: classes, objects, brightness, duplicates, leaks, and what is broken.

    Writes index.html, explore.json and PNG files. Nothing is uploaded.
    """
    from train.commands.pictures import measured_folder
    from train.explore import ExploreOptions
    from train.explore import explore as look

    options = ExploreOptions(
        layout=layout, split=split, verify=verify, limit=limit, rotation=rotation
    )
    data = measured_folder(data)
    findings = look(data, out=out, options=options, say=click.echo)
    for figures in findings.classes:
        share = "n/a" if figures.pixel_share is None else f"{figures.pixel_share:7.2%}"
        click.echo(f"{clean_text(figures.name):>16} {share:>8}  {figures.num_pictures} pictures")
    for leak in findings.leaks:
        click.echo(clean_text(f"leak: {', '.join(leak.names)} ({leak.reason})"))
    for part in findings.parts:
        if part.absent:
            click.echo(clean_text(f"{part.name or 'data'} shows no {', '.join(part.absent)}"))
    for line in findings.verified or ():
        click.echo(clean_text(line))
    click.echo(f"wrote {out / 'index.html'}")
    if findings.broken:
        for fault in findings.broken:
            click.echo(f"broken: {clean_text(fault)}", err=True)
        raise InputError(
            f"{data} has {len(findings.broken)} broken pairs, all listed above",
            remedy="mend or remove these files; the report holds everything else",
        )
    if not findings.pictures:
        raise InputError(f"{data} holds no picture that can be read")
    if not any(figures.num_pixels for figures in findings.classes):
        raise InputError(
            f"{data} has no labelled pixel: all masks are unlabelled throughout",
            accepted="masks with a class id in some pixels",
            remedy="see the masks in the report; 255 means unlabelled",
        )
