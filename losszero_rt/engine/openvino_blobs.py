"""Compiled OpenVINO graphs in the user's cache, so that a later start need not compile.

A blob is OpenVINO's own export of a compiled graph. It lies in a folder of the user's own, mode
0700, under a name that holds everything it depends on, with a digest of both in front: one
that is torn, changed, renamed or of another OpenVINO is compiled again.
"""

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from losszero_rt.bundle import Bundle
from losszero_rt.caches import cache_folder
from losszero_rt.engine.openvino_facts import import_openvino
from losszero_rt.engine.openvino_graphs import (
    ENGINE,
    GraphSpec,
    compile_graph,
    input_shape,
    roles_of,
)
from losszero_rt.engine.openvino_sums import SUMS
from losszero_rt.errors import OutputError

CACHE = "openvino-graphs"
# A graph takes as much room as its weights in fp32; the least recently used go first.
NUM_KEPT = 12
_DIGEST_BYTES = 64
_SUFFIX = ".blob"


def compile_cached(
    core: Any, bundle: Bundle, *, spec: GraphSpec, say: Callable[[str], None]
) -> Any:
    """Return a graph of a bundle compiled, from the user's cache where it lies there.

    Args:
        core: OpenVINO's.
        bundle: Holds the graph.
        spec: What to compile of it.
        say: Hears why the cache cannot be used; it never stops a run.

    Raises:
        ModelError: If OpenVINO refuses the graph.
    """
    try:
        path = cache_folder(CACHE) / f"{key_of(core, bundle, spec=spec)}{_SUFFIX}"
    except OutputError as error:
        say(f"OpenVINO compiles at every start: {error}")
        return compile_graph(core, bundle, spec=spec)
    blob = read_blob(path)
    if blob is not None:
        try:
            return core.import_model(blob, "CPU", spec.settings)
        except RuntimeError:
            # Of another build of this very version; the next lines replace it.
            path.unlink(missing_ok=True)
    compiled = compile_graph(core, bundle, spec=spec)
    try:
        write_blob(path, compiled.export_model())
    except (OSError, RuntimeError) as error:
        say(f"OpenVINO compiles at every start: {path} cannot be written: {error}")
    return compiled


def key_of(core: Any, bundle: Bundle, *, spec: GraphSpec) -> str:
    """Return a name for everything that a compiled graph depends on, hex."""
    roles = bundle.engines[ENGINE]
    facts = {
        "files": [bundle.files[roles[role]].sha256 for role in roles_of(spec.precision, spec.part)],
        "input": input_shape(bundle, spec),
        "cams": spec.cams,
        # A blob from before graphs gave the sums of their logits is compiled again.
        "sums": SUMS,
        "settings": spec.settings,
        "version": str(import_openvino().__version__),
        "cpu": str(core.get_property("CPU", "FULL_DEVICE_NAME")),
        "capabilities": sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:40]


def read_blob(path: Path) -> bytes | None:
    """Return a blob; None if there is none, or it is not what was written."""
    try:
        content = b"" if path.is_symlink() else path.read_bytes()
    except OSError:
        return None
    with suppress(OSError):  # a cache that may only be read is a cache too
        os.utime(path)
    digest, blob = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return blob if digest == _digest(blob, name=path.name) and blob else None


def write_blob(path: Path, blob: Any) -> None:
    """Write a blob whole or not at all, and drop those that were used longest ago."""
    content = bytes(blob.getbuffer()) if hasattr(blob, "getbuffer") else bytes(blob)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(_digest(content, name=path.name) + content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    blobs = sorted(path.parent.glob(f"*{_SUFFIX}"), key=_age_order)
    for old in blobs[:-NUM_KEPT]:
        old.unlink(missing_ok=True)


def _age_order(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _digest(blob: bytes, *, name: str) -> bytes:
    """Return what stands in front of a blob: it is that of this name, and of no other."""
    return hashlib.sha256(name.encode() + blob).hexdigest().encode()
