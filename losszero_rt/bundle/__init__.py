"""The folder between export and runtime: read, write, verify."""

from losszero_rt.bundle.file_record import FileRecord
from losszero_rt.bundle.finding import find_bundle, list_bundles
from losszero_rt.bundle.manifest import (
    CARD_NAME,
    MANIFEST_NAME,
    PARITY_NAME,
    WEIGHTS,
    WEIGHTS_NAME,
    Bundle,
)
from losszero_rt.bundle.model_fields import PIXELS_MAX, SIDE_STEP
from losszero_rt.bundle.parity_rules import (
    CLASS_POINTS_MAX,
    GATE,
    MIOU_POINTS_MAX,
    NIGHT_AGREEMENT_MIN,
    UNPROVED_KEY,
    unproved_of,
)
from losszero_rt.bundle.writing import new_bundle_folder, seal

__all__ = [
    "CARD_NAME",
    "CLASS_POINTS_MAX",
    "GATE",
    "MANIFEST_NAME",
    "MIOU_POINTS_MAX",
    "NIGHT_AGREEMENT_MIN",
    "PARITY_NAME",
    "PIXELS_MAX",
    "SIDE_STEP",
    "UNPROVED_KEY",
    "WEIGHTS",
    "WEIGHTS_NAME",
    "Bundle",
    "FileRecord",
    "find_bundle",
    "list_bundles",
    "new_bundle_folder",
    "seal",
    "unproved_of",
]
