"""Whether an export makes an int8 graph for OpenVINO, of what, and where it goes in the bundle."""

from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from export.calibration import read_calibration
from export.child import ChildError, run_child
from export.config import ExportConfig, Say
from export.labelled import read_labelled
from losszero_rt.bundle import Bundle, seal
from losszero_rt.engine.openvino_facts import multiplies_int8
from losszero_rt.engine.openvino_graphs import ENGINE, INT8_ROLES
from losszero_rt.errors import InputError, UsageError

TIMEOUT_S = 3600.0
# Of the files that hold the graph and its constants.
STEM = "model-int8"
INSTALL = "pip install -e '.[export]'"
TRAIN_SPLIT = "train"

_ACCEPTED = (
    "--calibration FOLDER with images/ and masks/, or --labelled FOLDER whose manifest.json has "
    "rows of the split train; pictures that are scored do not count"
)


@dataclass(frozen=True, kw_only=True)
class Int8Request:
    """What to quantise with.

    Attributes:
        calibration: Folder of the labelled pictures whose ranges are measured.
        calibration_split: Rows of its manifest; empty for all.
        labelled: Folder of the pictures that the gate will judge on; empty for none.
        split: Rows of its manifest; empty for all.
        as_it_comes: Take the first graph whatever it says: networks that nobody trained have
            nothing to be equal to, yet take their time.
    """

    calibration: str
    calibration_split: str = ""
    labelled: str = ""
    split: str = ""
    as_it_comes: bool = False


def settle_int8(config: ExportConfig, *, say: Say) -> Int8Request | None:
    """Say what an export quantises, before any work is done; None if nothing.

    Raises:
        LossZeroError: If int8 was asked for by name and cannot be made, or the pictures are not
            there.
    """
    if config.precision not in ("auto", "int8"):
        return None
    folder = config.calibration or config.labelled
    split = config.calibration_split or ("" if config.calibration else TRAIN_SPLIT)
    absent = why_no_nncf() or why_unproved()
    fault = absent or _calibration_fault(folder, split, config=config, say=say)
    # Whoever names pictures wants them to be read; what nobody asked for is left out.
    if fault and (config.precision == "int8" or config.calibration):
        _refuse(fault, config=config, are_pictures=not absent)
    if fault or folder is None:
        say(f"int8 is left out: {fault}")
        return None
    return Int8Request(
        calibration=str(folder.resolve()),
        calibration_split=split,
        labelled=str(config.labelled.resolve()) if config.labelled else "",
        split=config.split,
    )


def _refuse(fault: str, *, config: ExportConfig, are_pictures: bool) -> NoReturn:
    """Raise what tells why an int8 graph that was asked for cannot be made."""
    refused = InputError if are_pictures and config.calibration else UsageError
    raise refused(
        f"no int8 graph can be made: {fault}",
        accepted=_ACCEPTED if are_pictures else "nncf, and a CPU that multiplies int8 exactly",
        remedy="leave --precision int8 and --calibration away"
        + (", or name other pictures" if are_pictures else ""),
    )


def why_no_nncf() -> str:
    """Say why nothing can be quantised here; empty when it can. Imports nothing heavy."""
    return "" if find_spec("nncf") else f"nncf is not installed: {INSTALL}"


def why_unproved() -> str:
    """Say why no int8 graph could be compared with its network here; empty when one can."""
    return "" if multiplies_int8() else "this CPU does not multiply int8 exactly"


def _calibration_fault(folder: Path | None, split: str, *, config: ExportConfig, say: Say) -> str:
    if folder is None:
        return "there are no pictures to measure ranges on"
    scored = read_labelled(config.labelled, split=config.split) if config.labelled else []
    try:
        found = read_calibration(folder, split=split, scored=scored)
    except InputError as error:
        return str(error)
    if found.num_scored:
        say(f"int8: {found.num_scored} pictures of {found.name} are scored, and not measured on")
    return ""


def add_int8(bundle: Bundle, request: Int8Request, *, insist: bool, say: Say) -> Bundle:
    """Quantise the OpenVINO graph of a sealed bundle and seal it again with both.

    Args:
        bundle: With an OpenVINO graph.
        request: What to measure and judge on.
        insist: Raise where no int8 graph is equal enough, instead of leaving it out.
        say: Hears how it goes.

    Raises:
        ModelError: If no int8 graph is within tolerance and somebody insists on one.
    """
    say("quantising the openvino graph to int8: this takes minutes")
    words = {**asdict(request), "bundle": str(bundle.path.resolve())}
    try:
        facts = run_child("export.compile_int8", words, timeout_s=TIMEOUT_S)
    except ChildError as error:
        if insist:
            raise
        say(f"int8 is left out: {error}")
        return bundle
    say(f"int8: {len(facts['left_out'])} of {facts['layers']} layers stay floats")
    roles = dict(zip(INT8_ROLES, (f"{STEM}.xml", f"{STEM}.bin"), strict=True))
    engines = {**bundle.engines, ENGINE: {**bundle.engines[ENGINE], **roles}}
    built = {**bundle.built, ENGINE: {**bundle.built.get(ENGINE, {}), INT8_ROLES[0]: facts}}
    return seal(replace(bundle, engines=engines, built=built))
