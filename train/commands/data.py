"""Where the data lies when the command line does not say."""

import os
from pathlib import Path

DEFAULT_DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"


def data_folder(given: Path | None) -> Path:
    """Return the folder given, else ``LOSSZERO_DATA``, else the default beside the checkout."""
    return given or Path(os.environ.get("LOSSZERO_DATA", DEFAULT_DATA))
