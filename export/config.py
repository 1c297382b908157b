"""What an export is asked to do: one frozen value."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from export.engine_request import QUANTISED, TENSORRT_PRECISIONS, Attention, TensorRtPrecision
from losszero_rt.bundle import PIXELS_MAX, SIDE_STEP
from losszero_rt.errors import UsageError, printable

EngineChoice = Literal["openvino", "tensorrt", "onnx", "all"]
ENGINE_CHOICES: tuple[EngineChoice, ...] = get_args(EngineChoice)
ExportPrecision = Literal["auto", "fp32", "fp16", "bf16", "int8", "fp8"]
EXPORT_PRECISIONS: tuple[ExportPrecision, ...] = get_args(ExportPrecision)
# What each kind of graph can be asked for; int8 and bf16 graphs of OpenVINO run in floats too.
OPENVINO_PRECISIONS = ("auto", "fp32", "bf16", "int8")
ONNX_PRECISIONS = ("auto", "fp32")
BATCH_MAX = 64
# Where a precision can be had that some engine has not.
_ENGINES_OF = {
    "bf16": "openvino",
    "int8": "openvino, or tensorrt on an NVIDIA GPU",
    **dict.fromkeys(("fp16", "fp8"), "tensorrt, on an NVIDIA GPU"),
}
# Hears how an export goes, a line at a time.
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Options of an export; the command line has one flag for each.

    Attributes:
        model: Folder of a checkpoint; or of a bundle, or the name of one that ships, whose weights
            are compiled once more.
        out: Folder of the bundle to write.
        name: What to call the bundle; empty for the name of ``out``.
        labelled: Folder with ``images/`` and ``masks/`` that scores and parity are measured on;
            None writes an unverified bundle.
        split: Which rows of ``labelled``'s ``manifest.json`` to take; empty for every pair.
        licence: Licence of the weights; empty for that of the bundle, and of a checkpoint for
            none: it is not stated.
        notes: Markdown file whose lines go under the limits of the model card; None for those of
            the bundle, of a checkpoint none.
        force: Replace a bundle that is there.
        portable: Write the network as one ONNX file too, where it can be.
        engine: What to compile; ``all`` leaves out what cannot be built here, and says so.
        precision: Arithmetic. Of TensorRT engines ``auto`` is fp16, and there is no bf16. Of
            OpenVINO graphs ``auto`` is every float of the CPU, and int8 where a second graph can be
            made that is equal enough; ``int8`` insists on that; ``bf16`` is that and fp32, which
            CPUs without it fall back on; ``fp32`` is nothing else.
        batches: Frames a call, one TensorRT engine for each.
        attention: How TensorRT engines get the attention of transformers: as one operation, as its
            parts, or as the network writes it.
        imgsz: (height, width) of the input; None for that of the training. Of a bundle there is
            none but its own.
        calibration: Folder of labelled pictures that ranges of int8 and fp8 are measured on; None
            for ``labelled``, and without that, of TensorRT engines, for drawn night rides.
        calibration_split: Rows of its ``manifest.json``; empty for every pair of a
            ``calibration`` folder, and for the rows ``train`` of ``labelled``.
    """

    model: Path
    out: Path
    name: str = ""
    labelled: Path | None = None
    split: str = ""
    licence: str = ""
    notes: Path | None = None
    force: bool = False
    portable: bool = True
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
                remedy="leave --batch away for 1",
            )
        if self.imgsz and not _is_size(*self.imgsz):
            raise UsageError(
                f"--imgsz {self.imgsz[0]}x{self.imgsz[1]}",
                accepted=f"HEIGHTxWIDTH, both multiples of {SIDE_STEP}, such as 384x672, and at "
                f"most {PIXELS_MAX} pixels",
                remedy="leave --imgsz away for the size of the training",
            )
        if not self.out.name:
            raise UsageError(
                f"--out {str(self.out)!r}, which has no name",
                accepted="a new folder",
                remedy="--out bundles/mine",
            )
        self._require_printable_texts()
        self._require_folders_for_splits()
        if self.engine == "onnx" and not self.portable:
            raise UsageError(
                "--no-portable with --engine onnx, which is the portable file",
                accepted="one of the two",
                remedy="leave --no-portable away",
            )
        if self.engine in ("openvino", "onnx"):
            self._require_no_tensorrt_wish()
        elif self.precision == "bf16":
            raise UsageError(
                "--precision bf16 for a TensorRT engine",
                accepted=f"auto, {', '.join(TENSORRT_PRECISIONS)}; bf16 with --engine openvino",
                remedy="leave --precision away, or --engine openvino",
            )

    def _require_printable_texts(self) -> None:
        name_of = "--name" if self.name else "--out"
        for option, text in ((name_of, self.bundle_name), ("--licence", self.licence)):
            if printable(text) != text:
                raise UsageError(
                    f"{option} {printable(text)!r} with control characters",
                    accepted=f"printable text for {option}",
                    remedy="leave them away"
                    + (", or name the bundle with --name" if option == "--out" else ""),
                )

    def _require_folders_for_splits(self) -> None:
        if self.split and self.labelled is None:
            raise UsageError(
                f"--split {self.split} without pictures",
                accepted="--split with --labelled DIR",
                remedy="name --labelled, or leave --split away",
            )
        if self.calibration_split and not (self.calibration or self.labelled):
            raise UsageError(
                f"--calibration-split {self.calibration_split} without pictures",
                accepted="it with --calibration DIR or --labelled DIR",
                remedy="name one of these, or leave it away",
            )
        if (self.calibration or self.calibration_split) and self.engine == "onnx":
            raise UsageError(
                "--calibration for an ONNX file, which is fp32",
                accepted="--calibration with --engine openvino, tensorrt or all",
                remedy="leave it away",
            )
        ranged = QUANTISED if self.engine == "tensorrt" else ("auto", *QUANTISED)
        if (self.calibration or self.calibration_split) and self.precision not in ranged:
            raise UsageError(
                f"--calibration with --engine {self.engine} --precision {self.precision}",
                accepted=f"it with --precision {' or '.join(ranged)}, whose ranges are measured",
                remedy="leave it away, or choose one of these",
            )

    def _require_no_tensorrt_wish(self) -> None:
        known = OPENVINO_PRECISIONS if self.engine == "openvino" else ONNX_PRECISIONS
        if self.attention != "auto":
            raise UsageError(
                f"--attention {self.attention} without a TensorRT engine",
                accepted="--engine tensorrt or all",
                remedy="leave it away: other graphs hold attention as the network writes it",
            )
        if self.precision not in known:
            raise UsageError(
                f"--precision {self.precision} for --engine {self.engine}",
                accepted=f"--precision {', '.join(known)}; {self.precision} is for --engine "
                f"{_ENGINES_OF[self.precision]}",
                remedy="leave --precision away, or choose another --engine",
            )
        if self.batches != (1,):
            raise UsageError(
                f"--batch {','.join(map(str, self.batches))} without a TensorRT engine",
                accepted="--engine tensorrt or all: other graphs take any batch",
                remedy="leave it away",
            )

    @property
    def engine_precision(self) -> TensorRtPrecision:
        """Arithmetic to ask of TensorRT."""
        if self.precision == "auto" or self.precision == "bf16":
            return "fp16"
        return self.precision

    @property
    def asks_for_tensorrt(self) -> bool:
        """Whether an option was given that means nothing without a TensorRT engine."""
        only_there = self.precision not in OPENVINO_PRECISIONS
        return only_there or self.attention != "auto" or self.batches != (1,)

    @property
    def openvino_precision(self) -> str:
        """What OpenVINO graphs are limited to; ``auto`` for what this CPU and the bundle have."""
        return self.precision if self.precision in OPENVINO_PRECISIONS else "auto"

    def input_size(self, trained: tuple[int, int]) -> tuple[int, int]:
        """Return (height, width) of the bundle's input.

        Args:
            trained: That of the training.

        Raises:
            UsageError: If no bundle can have it.
        """
        size = self.imgsz or trained
        if size[0] * size[1] > PIXELS_MAX:
            raise UsageError(
                f"{self.model} was trained at {size[0]}x{size[1]}",
                accepted=f"at most {PIXELS_MAX} pixels",
                remedy="--imgsz HxW",
            )
        if any(side % SIDE_STEP for side in size):
            nearest = "x".join(str(max(1, round(side / SIDE_STEP)) * SIDE_STEP) for side in size)
            raise UsageError(
                f"{self.model} was trained at {size[0]}x{size[1]}",
                accepted=f"height and width in multiples of {SIDE_STEP}",
                remedy=f"--imgsz {nearest}",
            )
        return size

    @property
    def bundle_name(self) -> str:
        """Name of the bundle."""
        return self.name or self.out.name


def _is_size(height: int, width: int) -> bool:
    whole = all(side >= SIDE_STEP and not side % SIDE_STEP for side in (height, width))
    return whole and height * width <= PIXELS_MAX
