"""Command line of the training room: ``python -m train COMMAND``; one file a command."""

import click

from losszero_rt.errors import LossZeroError
from train.commands.compare import compare
from train.commands.crossval import crossval
from train.commands.evaluate import evaluate
from train.commands.explain import explain
from train.commands.explore import explore
from train.commands.reproduce import reproduce
from train.commands.run import run
from train.commands.shift import shift
from train.commands.split import split
from train.commands.sweep import sweep
from train.commands.track_bundle import track_bundle


@click.group()
def main() -> None:
    """Look at data, train networks, measure and explain checkpoints."""


for command in (
    run,
    evaluate,
    crossval,
    compare,
    split,
    explore,
    explain,
    sweep,
    track_bundle,
    reproduce,
    shift,
):
    main.add_command(command)


if __name__ == "__main__":
    try:
        main()
    except LossZeroError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(int(error.exit_code)) from None
