"""What an export is asked to do: one frozen value."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from export.engine_request import Attention, TensorRtPrecision
from losszero_rt.errors import UsageError

EngineChoice = Literal["openvino", "tensorrt", "onnx", "all"]
ENGINE_CHOICES: tuple[EngineChoice, ...] = get_args(EngineChoice)
ExportPrecision = Literal["auto", "fp32", "fp16", "int8", "fp8"]
EXPORT_PRECISIONS: tuple[ExportPrecision, ...] = get_args(ExportPrecision)
# What says something of an OpenVINO graph, which runs in every float precision of its CPU.
OPENVINO_PRECISIONS = ("auto", "fp32", "int8")
BATCH_MAX = 64
# Encoders halve their maps so often that other sizes would have to be padded inside.
SIZE_STEP = 32


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
        engine: What to compile; ``all`` leaves out what cannot be built here, and says so.
        precision: Arithmetic of TensorRT engines; ``auto`` is fp16. OpenVINO graphs run in every
            float precision of their CPU: ``auto`` adds one in int8 where it can be made and is
            equal enough, ``int8`` insists on that, ``fp32`` leaves it away.
        batches: Frames a call, one TensorRT engine for each.
        attention: How TensorRT engines get the attention of transformers: as one operation, as its
            parts, or as the network writes it.
        imgsz: (height, width) of the input; None for that of the training.
        calibration: Folder of labelled pictures that int8 ranges are measured on; None for
            ``labelled``.
        calibration_split: Rows of its ``manifest.json``; empty for every pair of a
            ``calibration`` folder, and for the rows ``train`` of ``labelled``.
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
    attention: Attention = "auto"
    imgsz: tuple[int, int] | None = None
    calibration: Path | None = None
    calibration_split: str = ""

    def __post_init__(self) -> None:
        if not self.batches or not all(1 <= batch <= BATCH_MAX for batch in self.batches):
            raise UsageError(
                f"--batch {','.join(map(str, self.batches))}",
                accepted=f"numbers from 1 to {BATCH_MAX}, such as 1,2,8",
            )
        if self.imgsz and any(side < SIZE_STEP or side % SIZE_STEP for side in self.imgsz):
            raise UsageError(
                f"--imgsz {self.imgsz[0]}x{self.imgsz[1]}",
                accepted=f"HEIGHTxWIDTH, both multiples of {SIZE_STEP}, such as 384x672",
            )
        if self.engine in ("openvino", "onnx"):
            self._require_no_tensorrt_wish()

    def _require_no_tensorrt_wish(self) -> None:
        known = OPENVINO_PRECISIONS if self.engine == "openvino" else ("auto",)
        if self.attention != "auto":
            raise UsageError(
                f"--attention {self.attention} without a TensorRT engine",
                accepted="--engine tensorrt or all",
                remedy="leave it away: other graphs hold attention as the network writes it",
            )
        if self.precision not in known or self.batches != (1,):
            raise UsageError(
                f"--precision {self.precision} and --batch {','.join(map(str, self.batches))} "
                "without a TensorRT engine",
                accepted=f"--engine tensorrt or all, or --precision {', '.join(known)}: graphs "
                "take any batch, and run in every float precision of their CPU",
                remedy="leave them away, or add --engine tensorrt",
            )

    @property
    def engine_precision(self) -> TensorRtPrecision:
        """Arithmetic to ask of TensorRT."""
        return "fp16" if self.precision == "auto" else self.precision

    @property
    def bundle_name(self) -> str:
        """Name of the bundle."""
        return self.name or self.out.name
