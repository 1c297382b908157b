"""What earlier starts settled on, for ``doctor``."""

from typing import Any

from losszero_rt.bundle import find_bundle, list_bundles
from losszero_rt.bundle.sidecar import read_sidecar
from losszero_rt.caches import cache_folder
from losszero_rt.engine.openvino_candidates import counted
from losszero_rt.errors import LossZeroError, ModelError, OutputError

CACHE = "openvino-choices"
# What a record that makes no sense raises when it is read.
SENSELESS = (LossZeroError, AttributeError, KeyError, TypeError, ValueError)


def remembered_choices() -> list[str]:
    """Return a line for every choice for a model that ships, and how many others; never raises."""
    try:
        folder = cache_folder(CACHE)
    except OutputError as error:
        return [str(error)]
    shipped = _shipped_digests()
    lines, num_others = [], 0
    for path in sorted(folder.glob("*.json")):
        try:
            record, _ = read_sidecar(path)
            is_shipped, line = record.get("bundle") in shipped, _line(record)
        except SENSELESS:
            lines.append(f"{path} cannot be understood: it will be measured again")
            continue
        num_others += not is_shipped
        lines += [line] if is_shipped else []
    others = f"{num_others} for other models, or for this one as it was before"
    return [*dict.fromkeys(lines), *([others] if num_others else [])]


def _shipped_digests() -> set[str]:
    digests = set()
    for path in list_bundles():
        try:
            digests.add(find_bundle(path, allow_unverified=True).sha256)
        except ModelError:  # doctor says it elsewhere
            continue
    return digests


def _line(record: dict[str, Any]) -> str:
    precision = record["precision"]
    streams = counted(int(record["streams"]), "stream")
    threads = counted(int(record["threads"]), "thread")
    name = f"{precision}, {streams}"
    ms = record["ms"].get(f"{name}, {threads}", record["ms"].get(name))
    speed = "" if ms is None else f" at {float(ms):.1f} ms a frame"
    return f"{record['name']} batch {record['batch']} in {precision} on {streams}, {threads}{speed}"
