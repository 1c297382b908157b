"""Fields of a configuration by dotted names: ``learning_rate``, ``loss.dice``, ``phases.0.epochs``.

Numbers of a tuple have names too (``loss.classes.2``), and so have the keys of a mapping
(``shares.night_ride``).
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from losszero_rt.errors import UsageError

Config = TypeVar("Config")
# How a kind of value is written on the command line.
_KINDS = {float: "a number", bool: "true or false", str: "text", tuple: "a list: [1, 2]"}


def dotted_names(config: object, *, prefix: str = "") -> Iterator[str]:
    """Return the names of everything in a configuration that :func:`with_values` can replace."""
    for key, value in _parts(config):
        name = f"{prefix}{key}"
        if not is_dataclass(value):
            yield name
        yield from dotted_names(value, prefix=f"{name}.")


def with_values(config: Config, values: Mapping[str, Any]) -> Config:
    """Return a configuration with some fields replaced, all at once.

    Args:
        config: A dataclass; left as it is.
        values: New values by dotted name. A whole tuple may be given as a list.

    Raises:
        UsageError: If a name is unknown (the message lists near ones), a value is of another
            kind, or the configuration does not accept it.
    """
    known = list(dotted_names(config))
    tree: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=5, cutoff=0.5)
            raise UsageError(
                f"the configuration has no {name!r}",
                accepted=f"names like {', '.join(near or known[:8])}",
                remedy="correct the name" if near else "see the fields in train/config.py",
            )
        *parents, last = name.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[last] = _Leaf(name, value)
    changed: Config = _applied(config, tree)
    return changed


class _Leaf:
    """A new value and the name that it was given under."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = value


def _parts(value: object) -> list[tuple[str, Any]]:
    if is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, tuple):
        return [(str(index), item) for index, item in enumerate(value)]
    return []


def _applied(old: Any, change: Any) -> Any:
    if isinstance(change, _Leaf):
        return _converted(change.value, old=old, name=change.name)
    changed = {key: _applied(part, change[key]) for key, part in _parts(old) if key in change}
    if is_dataclass(old) and not isinstance(old, type):
        return replace(old, **changed)
    if isinstance(old, Mapping):
        return {**old, **changed}
    return tuple(changed.get(str(index), part) for index, part in enumerate(old))


def _converted(value: Any, *, old: Any, name: str) -> Any:
    """Return a value as the kind that the field has; a float for a count only if it is whole."""
    if isinstance(old, tuple) and isinstance(value, list | tuple):
        like = old[0] if old else None
        return tuple(_converted(item, old=like, name=name) for item in value)
    if isinstance(old, bool) or isinstance(value, bool):
        fits = isinstance(old, bool) and isinstance(value, bool)
    elif isinstance(old, int) and isinstance(value, float):
        fits, value = value.is_integer(), int(value)
    elif isinstance(old, float) and isinstance(value, int):
        fits, value = True, float(value)
    else:
        fits = old is None or isinstance(value, type(old))
    if not fits:
        is_count = isinstance(old, int) and not isinstance(old, bool)
        raise UsageError(
            f"{value!r} for {name}",
            accepted=f"a value like {old!r}",
            remedy="give a whole number; in a sweep, distribution int_uniform or a list of values"
            if is_count
            else f"give {_KINDS.get(type(old), 'a value of that kind')}",
        )
    return value
