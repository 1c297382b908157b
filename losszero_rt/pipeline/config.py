"""What a run over files is asked to do: one frozen value, checked on creation."""

import math
from dataclasses import dataclass
from pathlib import Path

from losszero_rt.errors import UsageError
from losszero_rt.pipeline.stream_config import StreamConfig
from losszero_rt.video.nvdec import DECODINGS, Decoding


@dataclass(frozen=True, kw_only=True)
class RunConfig(StreamConfig):
    """Options of the main job; the command line has one flag for each.

    Attributes:
        out: Output file, or folder when there are several sources; None writes no video.
        stride: Show every n-th frame only.
        start_s: Skip this much of the source, seconds.
        stream: Index of the video stream; None lets FFmpeg choose.
        decode: What decodes videos: the processor, or the GPU of ``device``.
        audio: Copy audio packets.
        masks: Folder for mask files.
        labels: Folder of label files to score this very run with.
        resume: Go on with an interrupted output.
    """

    out: Path | None = None
    stride: int = 1
    start_s: float = 0.0
    stream: int | None = None
    decode: Decoding = "cpu"
    audio: bool = True
    masks: Path | None = None
    labels: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(self.stride >= 1, "stride", "1 or more")
        self._require(0 <= self.start_s < math.inf, "start_s", "0 or more seconds")
        self._require(self.decode in DECODINGS, "decode", ", ".join(DECODINGS))
        if self.resume and (self.json or self.labels):
            raise UsageError(
                "--resume with --json or --labels would leave the frames written before out",
                accepted="--resume with --out, --masks and --report",
                remedy="--force starts over, with every frame",
            )
        if not (self.out or self.masks or self.json or self.labels):
            raise UsageError(
                "no output asked for",
                accepted="--out FILE, --masks DIR, --json FILE or --labels DIR",
                remedy="add --out overlay.mp4",
            )

    @property
    def writes_video(self) -> bool:
        """Whether an encoder runs."""
        return self.out is not None
