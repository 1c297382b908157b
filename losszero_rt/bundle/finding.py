"""Finding bundles: those that ship, and those in a folder somewhere."""

from pathlib import Path

from losszero_rt.bundle.manifest import MANIFEST_NAME, Bundle
from losszero_rt.bundle.parity_rules import CLASS_POINTS_MAX, MIOU_POINTS_MAX
from losszero_rt.errors import ModelError

MODELS_FOLDER = Path(__file__).parent.parent / "models"


def list_bundles() -> list[Path]:
    """Return the folders of the bundles that ship, by name."""
    return sorted(path.parent for path in MODELS_FOLDER.glob(f"*/{MANIFEST_NAME}"))


def find_bundle(name: str | Path, *, allow_unverified: bool = False) -> Bundle:
    """Open a bundle that ships, or one in a folder.

    Args:
        name: Name of a bundle that ships, or the path of any bundle's folder. A name never
            leaves the folder of what ships: it is looked up, not joined.
        allow_unverified: Accept a bundle whose parity is not proved.

    Raises:
        ModelError: If there is none, it is broken, or it is unverified and that is not allowed.
    """
    shipped = {path.name: path for path in list_bundles()}
    path = shipped.get(str(name), Path(name))
    if not path.exists():
        raise ModelError(
            f"no model {str(name)!r}",
            accepted="the folder of a bundle or of a checkpoint, "
            f"or one that ships: {', '.join(shipped) or 'none here'}",
            remedy="losszero-rt models lists what ships",
        )
    bundle = Bundle.open(path)
    if not (allow_unverified or bundle.is_verified):
        raise ModelError(
            f"{path} is unverified: {'; '.join(bundle.faults)}",
            accepted=f"IoU within {MIOU_POINTS_MAX} points (mean) and {CLASS_POINTS_MAX} (classes)",
            remedy="export it again with labelled pictures, or pass --allow-unverified",
        )
    return bundle
