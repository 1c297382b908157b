"""What an export is asked to do: one frozen value."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Options of an export; the command line has one flag for each.

    Attributes:
        checkpoint: Folder that the training wrote.
        out: Folder of the bundle to write.
        name: What to call the bundle; empty for the name of ``out``.
        labelled: Folder with ``images/`` and ``masks/`` that scores and parity are measured on;
            None writes an unverified bundle.
        split: Which rows of ``labelled``'s ``manifest.json`` to take; empty for every pair.
        licence: Licence of the weights.
        notes: Markdown file whose lines go under the limits of the model card; None for none.
        force: Replace a bundle that is there.
    """

    checkpoint: Path
    out: Path
    name: str = ""
    labelled: Path | None = None
    split: str = ""
    licence: str = "Apache-2.0"
    notes: Path | None = None
    force: bool = False

    @property
    def bundle_name(self) -> str:
        """Name of the bundle."""
        return self.name or self.out.name
