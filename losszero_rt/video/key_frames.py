"""Where key frames have to lie, so that a crash costs a second of pictures at any rate.

Whatever ends a process, a file is whole up to its last key frame. Encoders count frames from one
to the next; at two frames a second, thirty of them are a quarter of a minute.
"""

from fractions import Fraction

# A second as the rates of television count it: thirty frames at 30000/1001 a second.
_GROUP_S = Fraction(1001, 1000)


class KeyFrames:
    """Says which frames have to be key frames: a group of pictures lasts a second at most.

    How long a frame lasts is only known once the next one is there; that it lasts as long as the
    one before it is what irregular sources get. A frame that lasts longer is a group by itself.

    Args:
        time_base: Seconds per unit.
    """

    def __init__(self, *, time_base: Fraction) -> None:
        self._longest = int(_GROUP_S / time_base)
        self._key_pts: int | None = None
        self._last_pts: int | None = None

    def wanted(self, pts: int) -> bool:
        """Say whether the next frame, at a time in units, has to be a key frame."""
        step = 0 if self._last_pts is None else pts - self._last_pts
        self._last_pts = pts
        is_due = self._key_pts is None or pts + step - self._key_pts > self._longest
        if is_due:  # from here on, however late the encoder hands it out
            self._key_pts = pts
        return is_due

    def see(self, pts: int) -> None:
        """Take note of a key frame, wherever an encoder put it."""
        self._key_pts = pts if self._key_pts is None else max(self._key_pts, pts)
