"""The ``losszero-rt`` command: default command, error lines and exit codes."""

import os
import re
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

import click

import losszero_rt
from losszero_rt.cli.bench import bench
from losszero_rt.cli.inspecting import inspect, verify
from losszero_rt.cli.live import live
from losszero_rt.cli.run import run
from losszero_rt.cli.settings import check_environment, settings_of
from losszero_rt.cli.show import demo, doctor, models
from losszero_rt.cli.streams import occupy_standard_streams, printable, refused_by
from losszero_rt.errors import ExitCode, LossZeroError, clean_text
from losszero_rt.scrubbing import scrubbed


class DefaultRun(click.Group):
    """A group whose first word may be left out: ``run`` is meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` in front of anything that is neither a command nor our own option."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h", "--version"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(
    cls=DefaultRun,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Without a command, run is meant: losszero-rt night.mp4 --out overlay.mp4",
)
@click.version_option(losszero_rt.__version__, prog_name="losszero-rt")
def program() -> None:
    """Real-time semantic segmentation of night motorcycle-ride video."""
    known = {name for command in program.commands.values() for name in settings_of(command)}
    check_environment(os.environ, known=known)


for _command in (run, live, bench, demo, models, inspect, verify, doctor):
    program.add_command(_command)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process with the right exit code.

    Args:
        arguments: Words of the command line; None takes them from the process.
    """
    occupy_standard_streams()
    sys.exit(_exit_code(sys.argv[1:] if arguments is None else arguments))


def _exit_code(arguments: list[str]) -> int:
    try:
        result: Any = program.main(args=arguments, standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return ExitCode.USAGE
    except click.ClickException as error:
        return _say(error.format_message(), code=ExitCode.USAGE, context=_context_of(error))
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.SIGINT
    except LossZeroError as error:
        if _wants_traceback(arguments):
            _print_traceback()
        return _say(str(error), code=error.exit_code)
    except BrokenPipeError:
        return ExitCode.OK  # the reader of our output has gone
    except Exception as error:
        if _wants_traceback(arguments):
            _print_traceback()
        if isinstance(error, OSError) and _is_of_click(error):
            return _say(str(refused_by(error)), code=ExitCode.OUTPUT)
        kind = type(error).__name__
        return _say(f"internal error: {kind}: {error}. Run again with -vv", code=ExitCode.INTERNAL)
    return result if isinstance(result, int) else ExitCode.OK


def _is_of_click(error: OSError) -> bool:
    """Say whether click met it while it printed, as it does with help, version and settings."""
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "click.utils"


def _context_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path} --help lists the options" if context else ""


def _wants_traceback(arguments: list[str]) -> bool:
    """Say whether -v was given twice, in whatever spelling."""
    short = [word for word in arguments if re.fullmatch("-[vq]+", word)]
    return "".join(short).count("v") + arguments.count("--verbose") > 1


def _print_traceback() -> None:
    """Print the traceback of the exception at hand, without the secrets of addresses in it."""
    with suppress(OSError):
        click.echo(printable(scrubbed(traceback.format_exc()), stream=sys.stderr), err=True)


def _say(message: str, *, code: int, context: str = "") -> int:
    hint = f". {context}" if context else ""
    line = clean_text(message).rstrip(".")
    with suppress(OSError):
        click.echo(printable(f"losszero-rt: {line}{hint}", stream=sys.stderr), err=True)
    return code
