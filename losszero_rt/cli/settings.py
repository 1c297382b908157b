"""Where option values come from: command line, then environment, then one TOML file, then defaults.

Environment: ``LOSSZERO_`` plus the option's name in capitals (``LOSSZERO_MAX_LOSS``). TOML: the
option's name with underscores (``max_loss = 0.01``). Unknown names are refused in both.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from losszero_rt.errors import UsageError
from losszero_rt.scrubbing import scrubbed

PREFIX = "LOSSZERO_"
CONFIG_VARIABLE = "LOSSZERO_CONFIG"
# Names that are no options: the TOML file, the folders of labelled pictures and of caches, and what
# tests go by: fail where a GPU, a browser, a server or a screen is missing, and where wheels lie.
OTHER_NAMES = (
    CONFIG_VARIABLE,
    "LOSSZERO_DATA",
    "LOSSZERO_CACHE",
    "LOSSZERO_REQUIRE_GPU",
    "LOSSZERO_REQUIRE_LIVE",
    "LOSSZERO_REQUIRE_WINDOWS",
    "LOSSZERO_TRT_WHEELS",
)
MAX_TOML_BYTES = 2**20

Function = TypeVar("Function", bound=Callable[..., Any])


def option(*names: str, **arguments: Any) -> Callable[[Function], Function]:
    """Declare an option that the environment and the TOML file can set as well."""
    longest = max((n.split("/")[0] for n in names if n.startswith("--")), key=len)
    variable = PREFIX + longest.removeprefix("--").replace("-", "_").upper()
    arguments.setdefault("envvar", variable)
    arguments.setdefault("show_default", True)
    return click.option(*names, **arguments)


def settings_of(command: click.Command) -> dict[str, str]:
    """Return what the environment and the TOML file may set for a command.

    Returns:
        Names as a person writes them (the long flag with underscores), each with the name of
        the parameter that takes the value.
    """
    return {
        parameter.envvar.removeprefix(PREFIX).lower(): parameter.name
        for parameter in command.params
        if isinstance(parameter.envvar, str)
        and parameter.envvar != CONFIG_VARIABLE
        and parameter.name is not None
    }


def load_settings(context: click.Context, _: click.Parameter, path: Path | None) -> Path | None:
    """Take defaults from a TOML file; the callback of ``--config``."""
    if path is not None:
        settings = settings_of(context.command)
        values = read_toml(path, known=settings)
        defaults = {settings[name]: value for name, value in values.items()}
        context.default_map = {**(context.default_map or {}), **defaults}
    return path


def read_toml(path: Path, *, known: Iterable[str]) -> dict[str, Any]:
    """Read option values from a TOML file.

    Raises:
        UsageError: The file is missing, too large or no TOML, or has an unknown name.
    """
    try:
        if path.stat().st_size > MAX_TOML_BYTES:
            raise UsageError(f"{path} is over 1 MiB", accepted="a TOML file of option values")
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"cannot read {path}: {error}", accepted="a TOML file such as: alpha = 0.5"
        ) from error
    for name in values:
        refuse_unknown(name, known=known, where=str(path))
    # Options that take a list take it as a,b on the command line.
    return {n: ",".join(map(str, v)) if isinstance(v, list) else v for n, v in values.items()}


def check_environment(environment: Mapping[str, str], *, known: Iterable[str]) -> None:
    """Refuse ``LOSSZERO_*`` variables that set nothing."""
    allowed = [PREFIX + name.upper() for name in known] + list(OTHER_NAMES)
    for name in environment:
        if name.startswith(PREFIX):
            refuse_unknown(name, known=allowed, where="the environment")


def refuse_unknown(name: str, *, known: Iterable[str], where: str) -> None:
    """Raise UsageError, with the nearest known name, unless ``name`` is known."""
    names = sorted(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise UsageError(
            f"unknown setting {name!r} in {where}",
            accepted=f"settings: {', '.join(names)}",
            remedy=f"did you mean {near[0]}?" if near else "",
        )


def config_text(context: click.Context) -> str:
    """Return every setting with its value and where it came from, as TOML with comments."""
    lines = []
    for name, parameter in settings_of(context.command).items():
        source = context.get_parameter_source(parameter)
        origin = {
            ParameterSource.COMMANDLINE: "command line",
            ParameterSource.ENVIRONMENT: "environment",
            ParameterSource.DEFAULT_MAP: "TOML file",
        }.get(source or ParameterSource.DEFAULT, "default")
        value = _as_written(name, context.params.get(parameter))
        comment = "# " if value is None or value == () else ""
        lines.append(f"{comment}{name} = {_toml_value(value)}  # {origin}")
    return "\n".join(lines)


def _as_written(name: str, value: Any) -> Any:
    """Return a value as a person writes it, without what only the person is to know."""
    if name == "token" and value:
        return "***"
    if name == "batch" and value == 0:
        return "auto"
    return scrubbed(value) if name == "source" and value else value


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml_value(part) for part in value) + "]"
    text = "" if value is None else os.fspath(value) if isinstance(value, Path) else str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
