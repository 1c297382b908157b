"""Command line of the training room: ``python -m train COMMAND``; one file a command."""

import click

from losszero_rt.errors import LossZeroError
from train.commands.evaluate import evaluate
from train.commands.run import run


@click.group()
def main() -> None:
    """Look at data, train networks, measure and explain checkpoints."""


for command in (run, evaluate):
    main.add_command(command)


if __name__ == "__main__":
    try:
        main()
    except LossZeroError as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(int(error.exit_code)) from None
