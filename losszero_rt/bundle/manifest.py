"""What a bundle is, and how one is read and verified.

Layout: ``manifest.json`` (what it is, and size and sha256 of every other file) beside
``weights.safetensors``, the compiled graphs, ``parity.json`` and ``MODEL_CARD.md``. Nothing is
deserialised before names, sizes and digests were checked, and readers are handed the very bytes
that were checked.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from losszero_rt.bundle import parity_rules as rules
from losszero_rt.bundle.contents import check_contents
from losszero_rt.bundle.file_record import FileRecord
from losszero_rt.bundle.keys import check_keys
from losszero_rt.bundle.model_fields import (
    model_fields,
    read_classes,
    read_input,
    read_size,
)
from losszero_rt.bundle.sidecar import (
    digest_of,
    parse_sidecar,
    read_bytes,
    read_sidecar,
    what_it_is,
)
from losszero_rt.classmap import ClassMap
from losszero_rt.errors import LossZeroError, ModelError
from losszero_rt.network import NetworkSpec
from losszero_rt.preprocess import InputSpec

FORMAT = 1
MANIFEST_NAME = "manifest.json"
WEIGHTS_NAME = "weights.safetensors"
PARITY_NAME = "parity.json"
CARD_NAME = "MODEL_CARD.md"
# What the parity record calls the comparison of the stored weights with the checkpoint's.
WEIGHTS = "weights"

_ACCEPTED = f"a bundle folder with {MANIFEST_NAME}"
_REMEDY = "copy the bundle again from where it came, or export it again: python -m export"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A model that was exported: what it is, and the files that run it.

    Attributes:
        path: The folder; files are read from here and verified each time.
        name: What to call it.
        network_spec: The network that the weights fit.
        input_spec: What the network takes.
        labels_size: (height, width) of the labels that engines return.
        classmap: The classes that label values stand for.
        engines: Files by role for each compiled engine, e.g. ``{"openvino": {"graph": ...}}``.
        files: Size and digest of every file but the manifest.
        versions: Versions of the libraries that made it.
        source_sha256: Digest of the checkpoint's weights.
        scores: ``miou``, ``miou_ci95``, ``n``, ``dataset``, ``class_iou``, and ``unproved`` where
            its pictures hardly show some classes; empty if not measured.
        data: What the network was trained on.
        licence: Licence of the weights.
        attribution: Whom the licences of the data ask to name.
        sha256: Digest of the manifest, and so of everything; empty before it is written.
        cams_size: (height, width) of the class activation maps that compiled graphs return as
            their second output, for all classes at once; None where they return labels alone.
        parity: What export found when it compared the compiled graphs with the eager network.
        built: By engine and role, what an engine that is bound to a machine was built for and
            with, and what was read back from it: precision asked and found, batch, GPU, versions.
        provenance: Where it comes from: ``commit`` of the checkout that exported it and whether
            that was ``dirty``, ``data_version`` of the training's pictures, ``labelled_sha256``
            of those that scores and parity were measured on; what is not known is left out.
    """

    path: Path
    name: str
    network_spec: NetworkSpec
    input_spec: InputSpec
    labels_size: tuple[int, int]
    classmap: ClassMap
    engines: Mapping[str, Mapping[str, str]]
    files: Mapping[str, FileRecord]
    versions: Mapping[str, str]
    source_sha256: str
    scores: Mapping[str, Any]
    data: Mapping[str, Any]
    licence: str
    attribution: str
    sha256: str = ""
    cams_size: tuple[int, int] | None = None
    parity: Mapping[str, Any] = field(default_factory=dict)
    built: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def network(self) -> dict[str, Any]:
        """The network's specification as plain values, for a report."""
        return self.network_spec.as_dict()

    @property
    def is_verified(self) -> bool:
        """True when parity was proved for every compiled graph in here, within tolerance."""
        return not self.faults

    @property
    def faults(self) -> tuple[str, ...]:
        """What keeps it from being verified: engine and fault, one line each."""
        found = {WEIGHTS: self.weights_fault}
        found |= {engine: self.parity_fault(engine) for engine in self.engines}
        if (self.scores or not self.engines) and WEIGHTS not in self.parity:
            found[WEIGHTS] = "no parity record for these weights"
        return tuple(f"{name}: {fault}" for name, fault in found.items() if fault)

    @property
    def model_fields(self) -> dict[str, Any]:
        """Network, input, classes and output sizes: what a parity record holds a copy of."""
        return model_fields(
            network=self.network_spec,
            input_spec=self.input_spec,
            classes=self.classmap,
            labels_size=self.labels_size,
            cams_size=self.cams_size,
        )

    def parity_head(self, engine: str) -> dict[str, Any]:
        """Return what binds a parity record to this bundle: gate, digests and model.

        Args:
            engine: Name of a compiled engine, or :data:`WEIGHTS`.
        """
        roles = self.engines.get(engine, {})
        digests = {f"{role}_sha256": self.files[name].sha256 for role, name in roles.items()}
        weights, model = self.files[WEIGHTS_NAME].sha256, self.model_fields
        if engine == WEIGHTS:
            digests = {"sha256": weights, "source_sha256": self.source_sha256}
            model |= {"scores": dict(self.scores), "data": dict(self.data)}
        else:
            # What it was compared with is in here too, and may be run instead of it.
            digests["weights_sha256"] = weights
        return {"gate": rules.GATE, **digests, "model": model}

    def parity_record(self, engine: str) -> Mapping[str, Any]:
        """Return what export found of one compiled engine; nothing where that is of another one."""
        unbound = not self.engines.get(engine) or self._binding_fault(engine)
        return {} if unbound else self.parity[engine]

    def parity_fault(self, engine: str) -> str:
        """Say why the parity of one compiled engine is not proved; empty when it is."""
        if not self.parity.get(engine, {}).get("precisions"):
            return "no parity record for this graph"
        try:
            own = self.parity[engine]
            return self._binding_fault(engine) or rules.fault_of(own, scores=self.scores)
        except (AttributeError, KeyError, TypeError, ValueError):
            return "parity record that cannot be understood"

    def _binding_fault(self, engine: str) -> str:
        return rules.binding_fault(self.parity.get(engine, {}), head=self.parity_head(engine))

    @property
    def weights_fault(self) -> str:
        """Why the weights are not the checkpoint's; empty when they are, or nothing is recorded."""
        if WEIGHTS not in self.parity:
            return ""
        try:
            own = self.parity[WEIGHTS]
            return self._binding_fault(WEIGHTS) or rules.weights_fault_of(own, scores=self.scores)
        except (AttributeError, KeyError, TypeError, ValueError):
            return "parity record that cannot be understood"

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Read a manifest and verify every file it names, without deserialising any.

        Args:
            path: The bundle's folder.

        Raises:
            ModelError: If anything is absent, too large, changed, unknown, or of another format.
        """
        manifest = path / MANIFEST_NAME
        if not path.is_dir():
            raise _refused(path, what_it_is(path))
        record, digest = read_sidecar(manifest)
        if record.get("format") != FORMAT:
            raise _refused(
                manifest, f"has format {record.get('format')!r}, this version reads {FORMAT}"
            )
        try:
            check_keys(record)
        except ModelError as error:
            raise _refused(manifest, f"has {error}") from error
        try:
            bundle = _from_record(record, path=path, sha256=digest)
            check_contents(bundle, weights=WEIGHTS_NAME)
        except LossZeroError as error:
            raise _refused(manifest, f"is wrong: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _refused(manifest, f"has a field that does not fit: {error}") from error
        for name in bundle.files:
            bundle.check(name)
        if PARITY_NAME not in bundle.files:
            return bundle
        parity = parse_sidecar(bundle.read(PARITY_NAME), path=path / PARITY_NAME)
        return _with_parity(bundle, parity)

    def check(self, name: str) -> None:
        """Verify one file without holding it in memory.

        Raises:
            ModelError: If the file is not what the manifest says.
        """
        path = self._sized(name)
        _demand_none(path, self.files[name].digest_fault(digest_of(path)))

    def read(self, name: str) -> bytes:
        """Return the content of one file, verified.

        Raises:
            ModelError: If the file is not what the manifest says.
        """
        path = self._sized(name)
        content = read_bytes(path)
        _demand_none(path, self.files[name].digest_fault(hashlib.sha256(content).hexdigest()))
        return content

    def _sized(self, name: str) -> Path:
        path = self.path / name
        _demand_none(path, self.files[name].size_fault(path))
        return path

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for ``manifest.json``."""
        built = {"built": {name: dict(roles) for name, roles in self.built.items()}}
        provenance = {"provenance": dict(self.provenance)}
        return {
            "format": FORMAT,
            "name": self.name,
            **self.model_fields,
            **(built if self.built else {}),
            **(provenance if self.provenance else {}),
            "engines": {name: dict(roles) for name, roles in self.engines.items()},
            "files": {
                name: {"bytes": record.num_bytes, "sha256": record.sha256}
                for name, record in sorted(self.files.items())
            },
            "versions": dict(self.versions),
            "source_sha256": self.source_sha256,
            "scores": dict(self.scores),
            "data": dict(self.data),
            "licence": self.licence,
            "attribution": self.attribution,
        }


def _with_parity(bundle: Bundle, parity: dict[str, Any]) -> Bundle:
    if fault := rules.form_fault(parity):
        form = "an object for every engine, and in it one for every precision"
        raise _refused(bundle.path / PARITY_NAME, fault, accepted=form)
    return replace(bundle, parity=parity)


def _from_record(record: Mapping[str, Any], *, path: Path, sha256: str) -> Bundle:
    return Bundle(
        path=path,
        sha256=sha256,
        name=record["name"],
        network_spec=NetworkSpec(**record["network"]),
        input_spec=read_input(record["input"]),
        labels_size=read_size(record["labels_size"]),
        cams_size=read_size(record["cams_size"]) if "cams_size" in record else None,
        built={
            name: {role: dict(facts) for role, facts in roles.items()}
            for name, roles in record.get("built", {}).items()
        },
        provenance=record.get("provenance", {}),
        classmap=read_classes(record["classes"]),
        engines=record["engines"],
        files={
            name: FileRecord(num_bytes=entry["bytes"], sha256=entry["sha256"])
            for name, entry in record["files"].items()
        },
        **{key: record[key] for key in ("versions", "source_sha256", "scores", "data")},
        licence=record["licence"],
        attribution=record["attribution"],
    )


def _demand_none(path: Path, fault: str) -> None:
    if fault:
        raise _refused(path, fault, accepted=f"the files as {MANIFEST_NAME} beside them has them")


def _refused(path: Path, why: str, *, accepted: str = _ACCEPTED) -> ModelError:
    return ModelError(f"{path} {why}", accepted=accepted, remedy=_REMEDY)
