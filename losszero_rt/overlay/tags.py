"""Tags: the name and the score of an object, at a corner of its box."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import clean_text
from losszero_rt.frame import Planes
from losszero_rt.objects import Objects
from losszero_rt.overlay.legend import GROUND, TEXT, cap_height_px, even
from losszero_rt.overlay.lettering import Lettering
from losszero_rt.overlay.stamp import Stamp, cover, new_sheet, rounded_box, stamp_of
from losszero_rt.overlay.tones import YuvKind

_OPACITY = 0.78
_MAX_WIDTH = 0.5  # of the picture
_MAX_KEPT = 256  # tags of this many names and scores are not set anew

# Top, left, bottom, right in pixels of the picture.
Rectangle = tuple[int, int, int, int]


class Tags:
    """Sets and places the tags of pictures of one size.

    Args:
        classmap: Names and colours.
        size: (height, width) of the picture.
        kind: Kind of the canvas.
        keep_free: Where no tag is put.
    """

    def __init__(
        self,
        classmap: ClassMap,
        *,
        size: tuple[int, int],
        kind: YuvKind,
        keep_free: Sequence[Rectangle] = (),
    ) -> None:
        self._classmap, self._size, self._kind = classmap, size, kind
        self._keep_free = tuple(keep_free)
        self._cap = cap_height_px(size[0])
        self._lettering = Lettering(self._cap)
        self._stamp = lru_cache(maxsize=_MAX_KEPT)(self._set)

    def draw(self, canvas: Planes, *, objects: Objects, order: Iterable[int]) -> None:
        """Lay tags on a canvas, in place; one that would cover another is left out.

        Args:
            canvas: Planes of the promised size.
            objects: Boxes in pixels of the picture.
            order: Rows of the objects that get a tag, those first that have the say.
        """
        taken = list(self._keep_free)
        for k in order:
            stamp = self._stamp(int(objects.class_ids[k]), score_text(float(objects.scores[k])))
            place = self._place(stamp.size, objects.boxes[k], taken)
            if place is not None:
                taken.append(place)
                stamp.lay_on(canvas, top=place[0], left=place[1])

    def _place(
        self, size: tuple[int, int], box: np.ndarray, taken: list[Rectangle]
    ) -> Rectangle | None:
        """Return top, left, bottom, right above, inside or below a box; None without room."""
        height, width = size
        x0, y0, _, y1 = (int(side) for side in box)
        left = max(0, min(x0, self._size[1] - width)) // 2 * 2
        for top in (y0 - height, y0, y1):
            top = top // 2 * 2
            place = (top, left, top + height, left + width)
            inside = top >= 0 and place[2] <= self._size[0] and place[3] <= self._size[1]
            if inside and not any(_overlap(place, other) for other in taken):
                return place
        return None

    def _set(self, class_id: int, score: str) -> Stamp:
        """Return a tag: a bar of the class's colour, its name and the score, on a dark ground."""
        cap, letters = self._cap, self._lettering
        bar, pad = even(cap * 0.35), even(cap * 0.5)
        name = clean_text(self._classmap.names[class_id])
        room = int(self._size[1] * _MAX_WIDTH) - bar - 2 * pad
        text = letters.line(letters.fitting(f"{name} {score}", width_px=room))
        height, width = even(letters.line_px), even(bar + text.shape[1] + 2 * pad)
        sheet = new_sheet((height, width))
        ground = rounded_box((height, width), radius_px=max(1, cap // 4))
        cover(sheet, ground, colour=GROUND, opacity=_OPACITY)
        cover(sheet, ground[:, :bar], colour=self._classmap.colours[class_id])
        top = height // 2 - letters.middle_px
        lower = max(0, top)
        cover(sheet, text[lower - top :][: height - lower], colour=TEXT, top=lower, left=bar + pad)
        return stamp_of(sheet, kind=self._kind)


def score_text(score: float) -> str:
    """Return a score as two decimals."""
    return f"{score:.2f}"


def _overlap(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
