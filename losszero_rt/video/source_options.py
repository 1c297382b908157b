"""How a source is read."""

from dataclasses import dataclass

from losszero_rt.video.nvdec import Decoding


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """How to read a source.

    Attributes:
        stream: Index of the video stream to read; None for the best one.
        max_pixels: Largest picture that is let in, pixels.
        start_s: Seconds after the stream's start where reading begins.
        duration_s: Seconds to read; None for all.
        threads: Decoder threads; 0 for one per core.
        audio: Whether audio packets are handed out.
        decode: What decodes videos; pictures are always decoded by the processor.
        gpu: Number of the GPU that decodes, where one does.
    """

    stream: int | None = None
    max_pixels: int = 8192 * 4320
    start_s: float = 0.0
    duration_s: float | None = None
    threads: int = 0
    audio: bool = True
    decode: Decoding = "cpu"
    gpu: int = 0

    @property
    def decoder_threads(self) -> int:
        """Threads to give the decoder: one is enough where a GPU does its work."""
        return 1 if self.decode == "nvdec" else self.threads
