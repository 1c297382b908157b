"""``losszero-rt inspect`` and ``verify``: what a model is, and whether it may be believed."""

import click

from losszero_rt.cli.streams import say


@click.command(short_help="Say everything that a model's record says.")
@click.argument("name", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def inspect(name: str, as_json: bool) -> None:
    """Say what a model is: network, input, classes, scores, engines, files, versions.

    MODEL is a name that ships, or the folder of a bundle or of a training checkpoint. Files are
    verified first; none is deserialised.
    """
    import json

    from losszero_rt.engine import open_model
    from losszero_rt.pipeline.inspection import inspection, inspection_text

    model = open_model(name, allow_unverified=True)
    say(json.dumps(inspection(model), indent=2) if as_json else inspection_text(model))


@click.command(short_help="Check a model: digests, parity, and that it runs here.")
@click.argument("name", metavar="MODEL")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(name: str, as_json: bool) -> None:
    """Check a model: sizes and digests of its files, parity of its engines, and a run of each.

    Where torch is installed, what each engine says of drawn night frames is compared with the
    network itself: parity was proved at export, perhaps with other versions on another machine.

    MODEL is a name that ships, or the folder of a bundle or of a training checkpoint. Ends with
    exit code 4 if anything is wrong.
    """
    import json

    from losszero_rt.pipeline.verification import (
        require_verified,
        verification_record,
        verification_text,
        verify_model,
    )

    model, checks = verify_model(name)
    record = verification_record(model, checks)
    say(json.dumps(record, indent=2) if as_json else verification_text(model, checks))
    require_verified(checks)
