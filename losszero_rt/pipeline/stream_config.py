"""What any run over a stream is asked to do, be its source a file or live."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from losszero_rt.classmap import PaletteName
from losszero_rt.engine import ENGINE_NAMES, PRECISIONS, Precision
from losszero_rt.errors import UsageError

View = Literal["overlay", "mask", "side", "cam"]
ENGINE_CHOICES = ("auto", *ENGINE_NAMES)


@dataclass(frozen=True, kw_only=True)
class StreamConfig:
    """Options of every run: the model, the picture, its encoder and what is written down.

    Attributes:
        model: Name of a bundle that ships, or the path of a bundle or a checkpoint.
        engine: Engine name, or ``auto``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        precision: Arithmetic, or ``auto``.
        batch: Frames a submission; 0 lets the engine choose.
        threads: CPU threads in all; 0 means every core, or the CPU engine measures it.
        streams: Frames that the CPU engine works on side by side; 0 for what is fastest here.
        classes: Names of the classes to colour; empty means all but the background.
        alpha: Weight of the colour, 0..1.
        palette: Colours of the classes.
        legend: Draw the legend.
        hud: Draw the line of figures.
        objects: Find, draw and count objects, where the network knows any.
        view: What the output shows.
        cam: Name of the class whose activation map is drawn in place of the class colours; empty
            for none.
        duration_s: Stop after this much of the source, seconds; None for all.
        max_pixels: Refuse pictures with more pixels than this.
        codec: Encoder, or ``auto``.
        crf: Constant rate factor of the encoder.
        preset: Encoder preset; empty for the default.
        json: File for one JSON line a frame.
        report: File for the report.
        force: Overwrite outputs.
        max_loss: Largest share of frames that may be lost, 0..1.
        allow_unverified: Accept what nobody compared with the network: a bundle without a
            parity record, or the eager engine in another arithmetic than fp32.
        trust_engine: Load a compiled engine that is code although this user did not build it.
        build: Compile a TensorRT engine for this GPU where none fits.
    """

    model: str = "night-ride"
    engine: str = "auto"
    device: str = "auto"
    precision: Precision = "auto"
    batch: int = 0
    threads: int = 0
    streams: int = 0
    classes: tuple[str, ...] = ()
    alpha: float = 0.45
    palette: PaletteName = "safe"
    legend: bool = True
    hud: bool = True
    objects: bool = True
    view: View = "overlay"
    cam: str = ""
    duration_s: float | None = None
    max_pixels: int = 8192 * 4320
    codec: str = "auto"
    crf: int = 23
    preset: str = ""
    json: Path | None = None
    report: Path | None = None
    force: bool = False
    max_loss: float = 0.0
    allow_unverified: bool = False
    trust_engine: bool = False
    build: bool = False

    def __post_init__(self) -> None:
        self._require(self.engine in ENGINE_CHOICES, "engine", ", ".join(ENGINE_CHOICES))
        self._require(self.precision in PRECISIONS, "precision", ", ".join(PRECISIONS))
        self._require(self.view in get_args(View), "view", ", ".join(get_args(View)))
        self._require(self.palette in get_args(PaletteName), "palette", "safe, classic")
        self._require(0 <= self.alpha <= 1, "alpha", "0 to 1")
        self._require(0 <= self.max_loss <= 1, "max_loss", "0 to 1")
        self._require(0 <= self.batch <= 64, "batch", "auto, or 1 to 64")
        self._require(0 <= self.threads <= 1024, "threads", "0 (all cores) to 1024")
        self._require(0 <= self.streams <= 1024, "streams", "0 (measured), or 1 to the threads")
        self._require(0 <= self.crf <= 63, "crf", "0 (lossless) to 51, 63 for webm")
        length_ok = self.duration_s is None or 0 < self.duration_s < math.inf
        self._require(length_ok, "duration_s", "a finite number of more than 0 seconds")
        self._require(self.max_pixels >= 1, "max_pixels", "1 or more pixels")
        self._check_cam()
        self._check_build()

    @property
    def writes_video(self) -> bool:
        """Whether an encoder runs."""
        return False

    def _check_cam(self) -> None:
        if self.view == "cam" and not self.cam:
            raise UsageError(
                "--view cam without a class",
                accepted="the name of the class whose activation map is to be seen",
                remedy="add --cam 'lane mark'",
            )
        if self.view == "mask" and self.cam:
            raise UsageError(
                f"--view mask shows labels alone, and --cam {self.cam!r} asks for heat",
                accepted="--cam with --view overlay, cam or side",
                remedy="--view cam shows the heat alone",
            )

    def _check_build(self) -> None:
        on_gpu = self.engine == "tensorrt" or self.device.startswith("cuda")
        if self.build and (self.engine not in ("auto", "tensorrt") or not on_gpu):
            raise UsageError(
                f"--build with --engine {self.engine} --device {self.device}",
                accepted="a run on a GPU, by TensorRT",
                remedy="--device cuda --build, or leave --build away",
            )

    def _require(self, ok: bool, name: str, accepted: str) -> None:
        if not ok:
            option = name.removesuffix("_s").replace("_", "-")
            raise UsageError(
                f"--{option} is {getattr(self, name)!r}", accepted=f"--{option}: {accepted}"
            )
