"""Which keys a manifest may and must have, and of which type their values are."""

from collections.abc import Mapping
from typing import Any

from losszero_rt.errors import ModelError

KEYS: dict[str, type] = {
    "format": int,
    "name": str,
    "network": dict,
    "input": dict,
    "labels_size": list,
    "classes": dict,
    "engines": dict,
    "files": dict,
    "versions": dict,
    "source_sha256": str,
    "scores": dict,
    "data": dict,
    "licence": str,
    "attribution": str,
}
# Absent from bundles whose graphs give no class activation maps, that hold no engines, and that
# were exported before it was recorded where they come from.
OPTIONAL_KEYS: dict[str, type] = {"cams_size": list, "built": dict, "provenance": dict}
PROVENANCE_KEYS: dict[str, type] = {
    "commit": str,
    "dirty": bool,
    "data_version": str,
    "labelled_sha256": str,
}
FILE_KEYS: dict[str, type] = {"bytes": int, "sha256": str}


def check_keys(record: Mapping[str, Any]) -> None:
    """Check that a manifest holds every key it must, nothing unknown, and the right types.

    Raises:
        ModelError: If it does not; says which keys.
    """
    _check(record, known=KEYS | OPTIONAL_KEYS, needed=KEYS, what="")
    provenance = record.get("provenance", {})
    _check(provenance, known=PROVENANCE_KEYS, needed={}, what="provenance: ")
    for name, entry in _objects(record["files"], what="files"):
        _check(entry, known=FILE_KEYS, needed=FILE_KEYS, what=f"{name}: ")
    for name, roles in _objects(record["engines"], what="engines"):
        _check(roles, known=dict.fromkeys(roles, str), needed={}, what=f"{name}: ")
    for name, facts in _objects(record.get("built", {}), what="built"):
        _check(facts, known=dict.fromkeys(facts, dict), needed={}, what=f"built {name}: ")


def _objects(record: Mapping[str, Any], *, what: str) -> list[tuple[str, Mapping[str, Any]]]:
    _check(record, known=dict.fromkeys(record, dict), needed={}, what=f"{what}: ")
    return list(record.items())


def _check(
    record: Mapping[str, Any], *, known: Mapping[str, type], needed: Mapping[str, type], what: str
) -> None:
    unknown, missing = sorted(set(record) - set(known)), sorted(set(needed) - set(record))
    if unknown or missing:
        raise ModelError(f"{what}unknown keys {unknown[:8]} and lacks {missing}")
    for key, value in record.items():
        # A bool is an int to Python, not to people.
        if not isinstance(value, known[key]) or isinstance(value, bool) != (known[key] is bool):
            raise ModelError(f"{what}{key} of the wrong type {type(value).__name__}")
