"""``python -m train explain``: where a checkpoint looks, for each class and where it fails."""

from pathlib import Path

import click

from losszero_rt.overlay.cam import METHODS


@click.command()
@click.argument("checkpoint_folder", metavar="CHECKPOINT", type=click.Path(path_type=Path))
@click.option("--data", "data_folder", type=click.Path(path_type=Path), help="Data folder.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--class", "classes", multiple=True, metavar="NAME", help="Class; all if left away.")
@click.option("--method", type=click.Choice(list(METHODS)), default="grad-cam", show_default=True)
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    help="encoder, decoder, head or a module's name; the family's usual ones if left away.",
)
@click.option("--pictures", "num_pictures", type=int, default=4, show_default=True, help="A class.")
@click.option("--failures", "num_failures", type=int, default=4, show_default=True, help="In all.")
@click.option(
    "--split", default="val", show_default=True, metavar="val|train|all|FILE", help="Which part."
)
@click.option("--part", help="Part of the split file; val if left away.")
def explain(
    checkpoint_folder: Path,
    data_folder: Path | None,
    out: Path,
    classes: tuple[str, ...],
    method: str,
    layers: tuple[str, ...],
    num_pictures: int,
    num_failures: int,
    split: str,
    part: str | None,
) -> None:
    """Draw where a checkpoint looks: PNG sheets and a page, for each class and worst failures."""
    from losszero_rt.checkpoint import load_network
    from train.commands.pictures import choose_part, open_measured
    from train.explain import ExplainOptions
    from train.explain import explain as draw

    options = ExplainOptions(
        classes=classes,
        method=method,
        layers=layers,
        num_pictures=num_pictures,
        num_failures=num_failures,
    )
    network, checkpoint = load_network(checkpoint_folder)
    everything = open_measured(data_folder, classes=checkpoint.classes)
    pictures = choose_part(everything, split=split, part=part)
    draw(network, checkpoint, pictures, options=options, out=out, say=click.echo)
    click.echo(f"wrote {out / 'index.html'}")
