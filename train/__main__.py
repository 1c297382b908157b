"""Command line of the training room: ``python -m train COMMAND``; one file a command."""

import sys

import click

from losszero_rt.errors import ExitCode, LossZeroError
from train.commands.compare import compare
from train.commands.crossval import crossval
from train.commands.evaluate import evaluate
from train.commands.explain import explain
from train.commands.explore import explore
from train.commands.outputs import guard_outputs
from train.commands.reproduce import reproduce
from train.commands.run import run
from train.commands.shift import shift
from train.commands.split import split
from train.commands.sweep import sweep
from train.commands.track_bundle import track_bundle
from train.stopping import StoppedError


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
    main.add_command(guard_outputs(command))


def answer() -> int:
    """Run the command line; return its exit code, faults told as one line."""
    try:
        return int(main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("stopped", err=True)
        return ExitCode.SIGINT
    except StoppedError as stopped:
        click.echo(f"{stopped}; {_resumption(sys.argv[1:])}", err=True)
        return stopped.exit_code
    except LossZeroError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code


def _resumption(words: list[str]) -> str:
    """Return how a command goes on after a stop."""
    asked = main.commands.get(words[0]) if words else None
    can_resume = asked is not None and any(option.name == "resume" for option in asked.params)
    if not can_resume or "--resume" in words:
        return "go on by the same command"
    instead = " in place of --force" if "--force" in words else ""
    return f"go on by the same command with --resume{instead}"


if __name__ == "__main__":
    raise SystemExit(int(answer()))
