"""The TensorRT engines of a bundle and of the user's cache, and which of them runs here.

An engine runs on the GPU it was built on, with the versions it was built with, for one batch size.
All of that is known from its facts, so nothing is deserialised to find out that it does not fit.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

from losszero_rt.bundle import Bundle
from losszero_rt.bundle.sidecar import read_sidecar
from losszero_rt.caches import cache_folder
from losszero_rt.engine.nvidia_driver import is_older
from losszero_rt.engine.protocol import EngineOptions
from losszero_rt.errors import ModelError
from losszero_rt.network.mask_rcnn_split import HEADS, Part

ENGINE = "tensorrt"
CACHE = "tensorrt-engines"
# A cached engine gives the labels of the eager network on drawn rides, this share of the pixels.
AGREEMENT_MIN = 0.99
NONE_HERE = "no TensorRT engine in this bundle"
# What an engine gives: 2 since its maps come before their ReLU, which shows an overflow.
OUTPUTS = 2
# An engine is bound to both of these to the last digit.
BOUND_VERSIONS = ("torch_tensorrt", "tensorrt")


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """What an engine must have been built for.

    Attributes:
        name: Name of the GPU as its driver spells it.
        compute_capability: (major, minor).
        versions: Versions of torch_tensorrt and tensorrt.
        driver: Version of the driver; empty where it is not known.
    """

    name: str
    compute_capability: tuple[int, int]
    versions: Mapping[str, str]
    driver: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class EngineFile:
    """One engine that was built.

    Attributes:
        name: What to call it in messages.
        sha256: Hex digest of the file.
        read: Returns the verified content.
        batch: Frames a call.
        precision: Arithmetic of its layers, read back when it was built.
        built_for: GPU and versions it is bound to.
        cams_size: (height, width) of the class activation maps it gives beside the labels; None
            where it gives labels alone.
        outputs: Which outputs it gives, see :data:`OUTPUTS`.
        proof: What it was compared by where no export proved it; empty in a bundle, whose parity
            record says it.
    """

    name: str
    sha256: str
    read: Callable[[], bytes]
    batch: int
    precision: str
    built_for: Gpu
    cams_size: tuple[int, int] | None = None
    outputs: int = OUTPUTS
    proof: str = ""


def engine_files(bundle: Bundle) -> list[EngineFile]:
    """Return the engines of a bundle, and those that this user built of it.

    Raises:
        ModelError: If the facts of an engine cannot be understood.
        OutputError: If others may write into the user's cache.
    """
    # The user's own first: nobody needs to vouch for them.
    files = _cached_files(bundle)
    roles = bundle.engines.get(ENGINE, {})
    files += [_file_in(bundle, role) for role in roles if role not in HEADS]
    return files


def head_files(bundle: Bundle) -> dict[Part, EngineFile]:
    """Return the engines of the heads of a network that is compiled in parts.

    Their ``batch`` is the number of regions that they take. Beside them the engines of
    :func:`engine_files` are those of the trunk.

    Raises:
        ModelError: If the facts of an engine cannot be understood.
    """
    return {
        part: _file_in(bundle, part) for part in HEADS if part in bundle.engines.get(ENGINE, {})
    }


def _file_in(bundle: Bundle, role: str) -> EngineFile:
    name = bundle.engines[ENGINE][role]
    read, sha256 = partial(bundle.read, name), bundle.files[name].sha256
    return _file_of(bundle.built.get(ENGINE, {}).get(role), name=name, sha256=sha256, read=read)


def cache_stem(bundle: Bundle, *, batch: int, precision: str, gpu: str) -> Path:
    """Return where an engine built of a bundle lies in the user's cache, without suffix.

    Raises:
        OutputError: If the cache cannot be made, or others may write into it.
    """
    place = hashlib.sha256(gpu.encode()).hexdigest()[:8]
    return cache_folder(CACHE) / f"{bundle.sha256[:32]}-{precision}-b{batch}-{place}"


def choose_file(files: Sequence[EngineFile], *, gpu: Gpu, options: EngineOptions) -> EngineFile:
    """Return the engine to run.

    Args:
        files: What there is.
        gpu: What is here.
        options: Wanted batch and precision.

    Raises:
        ModelError: If none of them fits; says what there is and which command mends it.
    """
    fitting = [file for file in files if not misfit(file, gpu=gpu)]
    if not fitting:
        raise ModelError(
            misfit(files[0], gpu=gpu) if files else NONE_HERE,
            accepted="engines built on this GPU with the versions installed here",
            remedy=rebuild_command(options.batch),
        )
    exact = [file for file in fitting if options.precision in ("auto", file.precision)]
    if not exact:
        raise ModelError(
            f"no TensorRT engine in {options.precision}",
            accepted=f"precisions here: {', '.join(sorted({f.precision for f in fitting}))}",
            remedy=f"{export_words(options.batch)} --precision {options.precision}",
        )
    batches = sorted({file.batch for file in exact})
    batch = _nearest(batches, options.batch) if options.any_batch else options.batch
    for file in exact:
        if file.batch == batch:
            return file
    raise ModelError(
        f"no TensorRT engine for a batch of {options.batch}",
        accepted=f"batches here: {', '.join(map(str, batches))}",
        remedy=f"--batch {_nearest(batches, options.batch)}, or {export_words(options.batch)}",
    )


def smaller_batch(files: Sequence[EngineFile], *, gpu: Gpu, than: int) -> int | None:
    """Return the next smaller batch that an engine here was built for; None if there is none."""
    return max((f.batch for f in files if f.batch < than and not misfit(f, gpu=gpu)), default=None)


def misfit(file: EngineFile, *, gpu: Gpu) -> str:
    """Say why an engine cannot run here, naming both values; empty when it can."""
    built = file.built_for
    if (built.name, built.compute_capability) != (gpu.name, gpu.compute_capability):
        return f"{file.name} was built on {_gpu_text(built)}, the GPU here is {_gpu_text(gpu)}"
    if file.outputs != OUTPUTS:
        return f"{file.name} gives outputs of version {file.outputs}, this program reads {OUTPUTS}"
    for library in BOUND_VERSIONS:
        if built.versions.get(library) != gpu.versions.get(library):
            return (
                f"{file.name} was built with {library} {built.versions.get(library)}, "
                f"{gpu.versions.get(library)} is installed"
            )
    if is_older(gpu.driver, built.driver):
        return f"{file.name} was built under driver {built.driver}, {gpu.driver} here is older"
    return ""


def export_words(batch: int, *, model: str = "MODEL") -> str:
    """Return the command that puts an engine for this machine into a bundle.

    Args:
        batch: Frames a call.
        model: A checkpoint or a bundle, whose weights are compiled.
    """
    words = f"python -m export {quote(model)} --out BUNDLE --engine tensorrt --batch {batch}"
    return f"{words} --labelled DIR"


def rebuild_command(batch: int) -> str:
    """Return the commands that make an engine for this machine, and the one that needs none."""
    return (
        f"--build compiles one now, {export_words(batch)} into a bundle; "
        f"--engine eager --device cuda runs without one"
    )


def _nearest(batches: Sequence[int], wish: int) -> int:
    """Return the largest batch up to a wish, else the smallest there is."""
    return max((batch for batch in batches if batch <= wish), default=min(batches))


def _gpu_text(gpu: Gpu) -> str:
    major, minor = gpu.compute_capability
    return f"{gpu.name} (compute capability {major}.{minor})"


def _file_of(facts: Any, *, name: str, sha256: str, read: Callable[[], bytes]) -> EngineFile:
    try:
        major, minor = facts["compute_capability"]
        built_for = Gpu(
            name=str(facts["gpu"]),
            compute_capability=(int(major), int(minor)),
            versions={library: str(facts["versions"][library]) for library in BOUND_VERSIONS},
            driver=str(facts.get("driver", "")),
        )
        batch, precision = int(facts["batch"]), str(facts["precision_found"])
        size, outputs = facts.get("cams_size"), int(facts.get("outputs", 1))
        cams_size = None if size is None else (int(size[0]), int(size[1]))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the TensorRT engine {name} has facts that cannot be understood: {error!r}",
            accepted="GPU, versions, batch and precision, as python -m export writes them",
            remedy=rebuild_command(1),
        ) from error
    return EngineFile(
        name=name,
        sha256=sha256,
        read=read,
        batch=batch,
        precision=precision,
        built_for=built_for,
        cams_size=cams_size,
        outputs=outputs,
    )


def _cached_files(bundle: Bundle) -> list[EngineFile]:
    files = []
    for sidecar in sorted(cache_folder(CACHE).glob(f"{bundle.sha256[:32]}-*.json")):
        facts, _ = read_sidecar(sidecar)
        path, sha256 = sidecar.with_suffix(".pt2"), str(facts.get("sha256"))
        agreement = facts.get("label_agreement")
        if path.is_file() and isinstance(agreement, float) and agreement >= AGREEMENT_MIN:
            read = partial(_read_cached, path, sha256)
            file = _file_of(facts, name=path.name, sha256=sha256, read=read)
            proof = f"{agreement:.1%} of its labels on drawn night rides are the network's"
            files.append(replace(file, proof=proof))
    return files


def _read_cached(path: Path, sha256: str) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ModelError(
            f"{path} is not the file that was built: its digest differs from its record",
            remedy=f"delete it; --build makes it again: {path}",
        )
    return content
