"""Whether what a manifest says fits together."""

import re
from typing import TYPE_CHECKING

from losszero_rt.bundle.model_fields import check_output_size
from losszero_rt.errors import ModelError, printable

if TYPE_CHECKING:
    from losszero_rt.bundle.manifest import Bundle

NUM_FILES_MAX = 64
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_contents(bundle: "Bundle", *, weights: str) -> None:
    """Check that a manifest agrees with itself, before any of its files is opened.

    Args:
        bundle: As the manifest says it.
        weights: The file that every bundle holds.

    Raises:
        ModelError: If a file is absent or ill named, or fields contradict one another.
    """
    wanted = [name for roles in bundle.engines.values() for name in roles.values()]
    bad = [name for name in bundle.files if not _FILE_NAME.fullmatch(name) or ".." in name]
    absent = [name for name in (weights, *wanted) if name not in bundle.files]
    empty = [engine for engine, roles in bundle.engines.items() if not roles]
    texts = [bundle.name, bundle.licence, bundle.attribution, *bundle.classmap.names]
    if bad or absent or len(bundle.files) > NUM_FILES_MAX:
        raise ModelError(
            f"file names {bad[:4]} and {len(bundle.files)} files, {absent[:4]} missing",
            accepted=f"at most {NUM_FILES_MAX} plain file names inside the folder",
        )
    if empty:
        raise ModelError(f"no file of the engine {empty[0]}", accepted="at least its graph")
    if bundle.network_spec.num_classes != bundle.classmap.num_classes:
        raise ModelError(
            f"a network of {bundle.network_spec.num_classes} classes "
            f"with {bundle.classmap.num_classes} class names",
            accepted="one name a class",
        )
    for what, size in (("labels", bundle.labels_size), ("activation maps", bundle.cams_size)):
        check_output_size(size, what=what, input_size=bundle.input_spec.size)
    if any(printable(text) != text for text in texts):
        raise ModelError("control characters in a name", accepted="printable text")
