"""What the decoders complain about: libav reports most damage in its log and nowhere else.

A flipped bit inside a slice raises nothing and sets no flag on the picture; the decoder only
logs an error line and conceals the hole. So the lines are counted.
"""

from functools import cache

import av.logging


@cache
def _listen() -> list[tuple[int, str, str]]:
    """Route libav's error lines, of all threads, into one list, once for the whole process.

    Lines below ERROR return before they are formatted, so a clean stream pays nothing.
    """
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    return av.logging.Capture(local=False).__enter__()


class DecoderLog:
    """Counts the error lines of one decoder, and of the container that feeds it.

    The library's log knows decoders by name only, so two sources of the same codec that are
    read at the same time share their complaints.

    Args:
        codec: Name of the decoder, e.g. ``h264``.
        container: Name of the container's format, e.g. ``matroska,webm``.
    """

    def __init__(self, codec: str, *, container: str) -> None:
        self._codec, self._container = codec, container
        self._lines = _listen()
        self._lines.clear()
        self._count = self._num_of_container = 0

    @property
    def any(self) -> bool:
        """Whether decoder or container complained so far."""
        return bool(self.count() or self._num_of_container)

    def count(self) -> int:
        """Return the error lines of this decoder so far."""
        if self._lines:
            taken = self._lines[:]
            del self._lines[: len(taken)]
            self._count += sum(name == self._codec for _, name, _ in taken)
            self._num_of_container += sum(name == self._container for _, name, _ in taken)
        return self._count
