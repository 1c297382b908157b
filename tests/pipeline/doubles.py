"""A source, an engine and a sink of few lines, that fail on demand and remember what they saw."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from losszero_rt.engine import EngineInfo, Extras
from losszero_rt.frame import Cargo, Frame, LostFrame, Planes, StreamItem
from losszero_rt.preprocess import InputSpec
from losszero_rt.timings import now_s

SIZE = (64, 96)
SPEC = InputSpec(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


class BrokenError(Exception):
    """Raised on purpose."""


def grey(level: int) -> Planes:
    """Planes whose luma is one level."""
    y = np.full(SIZE, level, np.uint8)
    u, v = (np.full((32, 48), 128, np.uint8) for _ in range(2))
    return Planes(y=y, u=u, v=v, full_range=True)


def frame(index: int) -> Frame:
    """The frame of an index: its luma is the index."""
    return Frame(
        index=index,
        pts=index * 3,
        time_base=Fraction(1, 90),
        planes=grey(index % 256),
        decoded_at_s=now_s(),
    )


def stream(
    count: int, *, fail_at: int | None = None, lost: tuple[int, ...] = ()
) -> Iterator[StreamItem]:
    """Frames, some of them lost, each followed by a packet of audio."""
    for index in range(count):
        if index == fail_at:
            raise BrokenError("source")
        if index in lost:
            yield LostFrame(index=index, pts=index * 3, fate="corrupt", reason="undecodable")
        else:
            yield frame(index)
        yield Cargo(packet=index, nbytes=1)


class EchoTicket:
    """Labels that were ready at once."""

    infer_ms = 1.0

    def __init__(self, labels_NHW: np.ndarray, *, fail: bool, extras: Extras | None = None) -> None:
        self._labels_NHW = labels_NHW
        self._fail = fail
        self.extras = extras or Extras()

    def result(self) -> np.ndarray:
        if self._fail:
            raise BrokenError("ticket")
        return self._labels_NHW


class EchoEngine:
    """Labels a frame with its grey level modulo 6, so that mixed up frames are seen."""

    def __init__(
        self, *, batch: int = 1, fail_at: int | None = None, where: str = "submit"
    ) -> None:
        self.info = EngineInfo(
            name="eager",
            device="double",
            precision="fp32",
            precision_asked="auto",
            input_size=SIZE,
            labels_size=SIZE,
            batch=batch,
            threads=1,
            version="0",
        )
        self.sizes: list[int] = []
        self._fail_at = fail_at
        self._where = where
        self._watched: int | None = None

    def watch(self, class_id: int | None) -> None:
        self._watched = class_id

    def submit(self, inputs_NHWC: np.ndarray) -> EchoTicket:
        fail = self._fail_at == len(self.sizes)
        if fail and self._where == "submit":
            raise BrokenError("submit")
        self.sizes.append(len(inputs_NHWC))
        labels_NHW = inputs_NHWC[..., 0] % 6
        extras = Extras()
        if self._watched is not None:
            cams_NHW = (labels_NHW[:, ::4, ::4] == self._watched).astype(np.float32)
            extras = Extras(cams_NHW=cams_NHW)
        return EchoTicket(labels_NHW, fail=fail, extras=extras)

    def close(self) -> None:
        pass


class MemorySink:
    """Remembers the pts and the level of every frame, and every packet, in order."""

    def __init__(self, *, fail_at: int | None = None) -> None:
        self.log: list[tuple[str, int]] = []
        self._fail_at = fail_at

    def canvas(self) -> Planes:
        return grey(0)

    def write(self, canvas: Planes, *, frame: Frame) -> None:
        if frame.index == self._fail_at:
            raise BrokenError("sink")
        self.log.append(("frame", frame.index))

    def copy(self, cargo: Cargo) -> None:
        assert isinstance(cargo.packet, int)
        self.log.append(("cargo", cargo.packet))
