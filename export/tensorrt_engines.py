"""TensorRT engines of a bundle: whether they can be built here, building and proving them."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal, TypedDict

from export.calibration import read_calibration
from export.compile_tensorrt import build_in_child
from export.config import ExportConfig, Say
from export.engine_request import QUANTISED, EngineRequest
from export.int8_graphs import TRAIN_SPLIT
from export.labelled import read_labelled
from export.quantising import check_precision
from export.tensorrt_parity import ProofRequest, prove_in_child
from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine.engine_files import OUTPUTS
from losszero_rt.engine.engine_trust import record_trust
from losszero_rt.engine.tensorrt_engine import find_gpu, import_tensorrt
from losszero_rt.errors import InputError, ModelError
from losszero_rt.network.mask_rcnn_split import HEADS, Part, is_split, num_regions

Built = Literal["openvino", "tensorrt"]


class Ranges(TypedDict, total=False):
    """What eight-bit ranges are measured on, in the words of :class:`EngineRequest`."""

    calibration: str
    calibration_split: str
    labelled: str
    split: str


def settle_engines(config: ExportConfig, *, say: Say) -> tuple[Built, ...]:
    """Say which engines an export makes, before any work is done.

    Args:
        config: What was asked for.
        say: Hears what is left out, and why.

    Raises:
        ModelError: If TensorRT was asked for by name and cannot build here, or not so.
    """
    if config.engine in ("openvino", "onnx"):
        return ("openvino",) if config.engine == "openvino" else ()
    try:
        check_precision(config.engine_precision)
        find_gpu("auto")
        import_tensorrt()
        ranges_of(config, say=say)
    except ModelError as error:
        if config.engine == "tensorrt" or config.asks_for_tensorrt:
            raise ModelError(
                f"no TensorRT engine can be built here: {error}",
                accepted="an NVIDIA GPU with torch-tensorrt 2.14 and TensorRT 11.1",
                remedy="--engine openvino, or export on the machine that is to run it",
            ) from error
        say(f"tensorrt is left out: {error}")
        return ("openvino",)
    return ("openvino", "tensorrt") if config.engine == "all" else ("tensorrt",)


def add_engines(bundle: Bundle, *, config: ExportConfig, say: Say) -> Bundle:
    """Build one engine a batch size into a sealed bundle's folder, and one a head if it has any.

    Args:
        bundle: Sealed, so that what is compiled is what it holds.
        config: Batches and precision.
        say: Hears how it goes.

    Returns:
        The bundle with its engines, sealed again; a record says that this user built them.

    Raises:
        ModelError: If an engine is not built, or not as asked.
    """
    roles, built = {}, {}
    for role, request in requests_of(bundle, config=config).items():
        name = Path(request.out).name
        say(f"building {name} in {request.precision}: this takes minutes")
        facts = build_in_child(request)
        say(f"built {name}: {facts.num_layers} layers in {facts.precision_found} on {facts.gpu}")
        roles[role] = name
        built[role] = facts_of(request, asdict(facts))
    sealed = seal(
        replace(
            bundle,
            engines={**bundle.engines, "tensorrt": roles},
            built={**bundle.built, "tensorrt": built},
        )
    )
    for role, name in roles.items():
        record_trust(sealed.files[name].sha256, facts=built[role])
    return sealed


def ranges_of(config: ExportConfig, *, say: Say) -> Ranges:
    """Return what eight-bit ranges are measured on.

    Args:
        config: What was asked for.
        say: Hears where rides are drawn, because there are no other pictures.

    Returns:
        Nothing where no engine has eight bits, or night rides are drawn.

    Raises:
        InputError: If ``calibration`` cannot be read, or nothing is left of it.
    """
    folder = config.calibration or config.labelled
    if config.engine_precision not in QUANTISED or folder is None:
        return {}
    split = config.calibration_split or ("" if config.calibration else TRAIN_SPLIT)
    scored = read_labelled(config.labelled, split=config.split) if config.labelled else ()
    try:
        read_calibration(folder, split=split, scored=scored)
    except InputError as error:
        if config.calibration:
            raise
        say(f"{config.engine_precision} ranges are measured on drawn night rides: {error}")
        return {}
    return {
        "calibration": str(folder.resolve()),
        "calibration_split": split,
        "labelled": str(config.labelled.resolve()) if config.labelled else "",
        "split": config.split,
    }


def requests_of(bundle: Bundle, *, config: ExportConfig) -> dict[str, EngineRequest]:
    """Return the engines to build, by role: ``b1`` for a batch of 1, and the heads by name."""
    folder, spec = bundle.path.resolve(), bundle.network_spec
    ranges = ranges_of(config, say=lambda _: None)
    split = is_split(spec)
    engines: dict[str, tuple[int, Part | None]] = {
        f"b{batch}": (batch, "trunk" if split else None) for batch in config.batches
    }
    if split:
        engines |= {part: (num_regions(spec, part), part) for part in HEADS}
    return {
        role: EngineRequest(
            bundle=str(folder),
            out=str(folder / f"tensorrt-{role}.pt2"),
            batch=batch,
            precision=config.engine_precision,
            attention=config.attention,
            part=part,
            **ranges,
        )
        for role, (batch, part) in engines.items()
    }


def facts_of(request: EngineRequest, found: dict[str, Any]) -> dict[str, Any]:
    """Return what is recorded of an engine: what was asked for beside what was found."""
    return {
        "outputs": OUTPUTS,
        "batch": request.batch,
        "precision": request.precision,
        "attention": request.attention,
        **({"part": request.part} if request.part else {}),
        **({"ranges": _ranges_name(request)} if request.precision in QUANTISED else {}),
        **found,
        "compute_capability": list(found["compute_capability"]),
        "cams_size": found["cams_size"] and list(found["cams_size"]),
    }


def _ranges_name(request: EngineRequest) -> str:
    if not request.calibration:
        return "drawn night rides"
    return "/".join(filter(None, (Path(request.calibration).name, request.calibration_split)))


def prove_engines(
    bundle: Bundle, *, config: ExportConfig, dataset: str, say: Say
) -> dict[str, Any]:
    """Prove the engines of a bundle in a fresh process; return the record for ``parity.json``.

    Raises:
        ModelError: If they are not what the network is.
    """
    say("comparing the TensorRT engines with the network")
    ranges = ranges_of(config, say=lambda _: None)
    labelled: Path | None = config.labelled.resolve() if config.labelled else None
    record = prove_in_child(
        ProofRequest(
            bundle=str(bundle.path.resolve()),
            precision=config.engine_precision,
            attention=config.attention,
            labelled=str(labelled or ""),
            split=config.split,
            calibration=ranges.get("calibration", ""),
            calibration_split=ranges.get("calibration_split", ""),
        )
    )
    return {**record, "dataset": dataset}
