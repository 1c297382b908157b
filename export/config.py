"""What an export is asked to do: one frozen value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from losszero_rt.errors import UsageError

EngineChoice = Literal["openvino", "tensorrt", "all"]
ENGINE_CHOICES: tuple[EngineChoice, ...] = get_args(EngineChoice)
ExportPrecision = Literal["auto", "fp16", "fp32"]
EXPORT_PRECISIONS: tuple[ExportPrecision, ...] = get_args(ExportPrecision)
BATCH_MAX = 64


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
        engine: What to compile; ``all`` leaves TensorRT out where it cannot be built, and says so.
        precision: Arithmetic of TensorRT engines; ``auto`` is fp16. OpenVINO graphs run in every
            precision of their CPU.
        batches: Frames a call, one TensorRT engine for each.
    """

    checkpoint: Path
    out: Path
    name: str = ""
    labelled: Path | None = None
    split: str = ""
    licence: str = "Apache-2.0"
    notes: Path | None = None
    force: bool = False
    engine: EngineChoice = "openvino"
    precision: ExportPrecision = "auto"
    batches: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if not self.batches or not all(1 <= batch <= BATCH_MAX for batch in self.batches):
            raise UsageError(
                f"--batch {','.join(map(str, self.batches))}",
                accepted=f"numbers from 1 to {BATCH_MAX}, such as 1,2,8",
            )
        if self.engine == "openvino" and (self.precision != "auto" or self.batches != (1,)):
            raise UsageError(
                "--precision and --batch without a TensorRT engine",
                accepted="--engine tensorrt or all; an OpenVINO graph takes any batch, and runs in "
                "every precision of its CPU",
                remedy="leave them away, or add --engine tensorrt",
            )

    @property
    def engine_precision(self) -> Literal["fp16", "fp32"]:
        """Arithmetic to ask of TensorRT."""
        return "fp16" if self.precision == "auto" else self.precision

    @property
    def bundle_name(self) -> str:
        """Name of the bundle."""
        return self.name or self.out.name
