"""What was made from what: data version -> checkpoint -> bundle, by digest, in one JSON file.

Weights & Biases cannot link artifacts while it is offline, and a training must not depend on it.
So the chain is kept here, where every link can be checked against the files themselves.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from losszero_rt.checkpoint import write_whole
from losszero_rt.errors import InputError

ArtifactKind = Literal["data", "checkpoint", "bundle"]
LINEAGE_NAME = "lineage.json"
REF_DIGITS = 12


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One version of something that a training took or made.

    Attributes:
        kind: What it is.
        name: What all its versions are called.
        version: Hex digest that tells this version from the others.
        files: sha256 of every file by its path inside the artifact.
        aliases: Names of which each belongs to one version at a time, e.g. ``best-miou``.
        uses: References of the artifacts that it was made from.
    """

    kind: ArtifactKind
    name: str
    version: str
    files: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """How other artifacts name this one: ``name:version``, the version shortened."""
        return f"{self.name}:{self.version[:REF_DIGITS]}"


def describe(
    path: Path,
    *,
    kind: ArtifactKind,
    name: str,
    version: str = "",
    aliases: Sequence[str] = (),
    uses: Sequence[str] = (),
) -> Artifact:
    """Read the digests of a file or folder.

    Args:
        path: A file, or a folder of which every file counts.
        kind: What it is.
        name: What to call it.
        version: Its version where it has one of its own, else a digest of all files is taken.
        aliases: See :class:`Artifact`.
        uses: See :class:`Artifact`.

    Raises:
        InputError: If there is no file.
    """
    files = {inside: _sha256(file) for inside, file in files_of(path).items()}
    if not files:
        raise InputError(f"{path} holds no file that could be recorded as a {kind}")
    listing = "".join(f"{digest}  {inside}\n" for inside, digest in files.items())
    return Artifact(
        kind=kind,
        name=name,
        version=version or hashlib.sha256(listing.encode()).hexdigest(),
        files=files,
        aliases=tuple(aliases),
        uses=tuple(uses),
    )


def files_of(path: Path) -> dict[str, Path]:
    """Return the files of a file or folder by their path inside it, sorted."""
    if path.is_file():
        return {path.name: path}
    found = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    return {file.relative_to(path).as_posix(): file for file in sorted(found)}


def read_lineage(out: Path) -> list[Artifact]:
    """Return the artifacts recorded in a training's folder, oldest first; none without a file."""
    path = out / LINEAGE_NAME
    if not path.exists():
        return []
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        tuples = ({k: tuple(row.pop(k)) for k in ("aliases", "uses")} | row for row in rows)
        return [Artifact(**row) for row in tuples]
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path} cannot be read: {type(error).__name__}",
            accepted="the list that a training wrote",
            remedy="move the file away: it is written anew from then on",
        ) from error


def record(out: Path, artifact: Artifact) -> Artifact:
    """Add an artifact to the lineage of a training and return it as recorded.

    An alias moves to the newest version of its name. A version that is known already gains
    aliases and uses, so a resumed training may record its data again.
    """
    kept = []
    for known in read_lineage(out):
        if known.name == artifact.name:
            rest = tuple(alias for alias in known.aliases if alias not in artifact.aliases)
            known = replace(known, aliases=rest)
        if known.ref == artifact.ref:
            aliases = dict.fromkeys((*known.aliases, *artifact.aliases))
            uses = dict.fromkeys((*known.uses, *artifact.uses))
            artifact = replace(artifact, aliases=tuple(aliases), uses=tuple(uses))
        else:
            kept.append(known)
    rows = [asdict(known) for known in (*kept, artifact)]
    write_whole(out / LINEAGE_NAME, json.dumps(rows, indent=1).encode())
    return artifact


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
