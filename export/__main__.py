"""Command line of the export: ``python -m export CHECKPOINT --out BUNDLE``."""

import sys
from pathlib import Path

import click

from export.config import ExportConfig
from export.exporting import export_bundle
from losszero_rt.errors import LossZeroError


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Bundle to write.")
@click.option("--name", default="", help="What to call it; the name of --out if left away.")
@click.option(
    "--labelled",
    type=click.Path(path_type=Path),
    help="Folder with images/ and masks/ for scores and parity; none leaves it unverified.",
)
@click.option("--split", default="", help="Rows of manifest.json in --labelled; all if left away.")
@click.option("--licence", default="Apache-2.0", show_default=True, help="Of the weights.")
@click.option(
    "--notes", type=click.Path(path_type=Path), help="Markdown lines for the model card's limits."
)
@click.option("--force", is_flag=True, help="Replace the bundle that is there.")
def main(
    checkpoint: Path,
    out: Path,
    name: str,
    labelled: Path | None,
    split: str,
    licence: str,
    notes: Path | None,
    force: bool,
) -> None:
    """Turn a checkpoint folder into a bundle that losszero-rt runs."""
    config = ExportConfig(
        checkpoint=checkpoint,
        out=out,
        name=name,
        labelled=labelled,
        split=split,
        licence=licence,
        notes=notes,
        force=force,
    )
    try:
        bundle = export_bundle(config)
    except LossZeroError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    state = "verified" if bundle.is_verified else "UNVERIFIED"
    megabytes = sum(record.num_bytes for record in bundle.files.values()) / 1e6
    click.echo(f"{bundle.path}: {state}, {megabytes:.1f} MB, mIoU {bundle.scores.get('miou')}")


if __name__ == "__main__":
    main()
