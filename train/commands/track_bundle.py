"""``python -m train track-bundle``: note which checkpoint of a training a bundle was made from."""

from pathlib import Path
from typing import Any

import click

from losszero_rt.errors import ModelError


@click.command("track-bundle")
@click.argument("bundle_folder", metavar="BUNDLE", type=click.Path(path_type=Path))
@click.option(
    "--run", "out", type=click.Path(path_type=Path), required=True, help="--out of the training."
)
@click.option(
    "--track",
    type=click.Choice(["offline", "online", "disabled"]),
    default="offline",
    show_default=True,
    help="Weights & Biases; lineage.json is always written.",
)
def track_bundle(bundle_folder: Path, out: Path, track: Any) -> None:
    """Add a bundle to the lineage of its training: data version -> checkpoint -> bundle.

    The checkpoint is found by the digest of its weights, which export keeps in the bundle.
    """
    from losszero_rt.bundle import Bundle
    from losszero_rt.checkpoint import WEIGHTS_NAME
    from train.journal import read_rows
    from train.lineage import read_lineage
    from train.tracking import open_tracker

    bundle = Bundle.open(bundle_folder)
    made_from = [
        known.ref
        for known in read_lineage(out)
        if known.kind == "checkpoint" and known.files.get(WEIGHTS_NAME) == bundle.source_sha256
    ]
    if not made_from:
        raise ModelError(
            f"no checkpoint of {out} has the weights {bundle.source_sha256[:12]}... "
            f"that {bundle_folder} was exported from",
            accepted="the folder of the training whose checkpoint was exported",
        )
    steps = [row["step"] for row in read_rows(out)]
    tracker = open_tracker(
        out, mode=track, config={}, resume_step=max(steps, default=0), say=click.echo
    )
    noted = tracker.artifact(
        bundle_folder, kind="bundle", name=bundle.name, version=bundle.sha256, uses=made_from
    )
    tracker.close()
    click.echo(f"{noted.ref} <- {', '.join(made_from)}")
