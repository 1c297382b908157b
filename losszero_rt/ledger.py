"""The ledger: every frame read ends in exactly one of shown, late, dropped(reason) or corrupt."""

from collections import Counter
from typing import Literal

Fate = Literal["shown", "late", "dropped", "corrupt"]
# Reasons that the user asked for.
WISHED = ("stride", "max-fps")


class Ledger:
    """Counts of what became of the frames.

    ``read`` counts frames on entry, the fates count them on exit; :meth:`check` demands that
    both agree once the stream has ended. Entry and exit may happen on different threads: each
    counter is written by one thread only.

    Attributes:
        read: Frames that came in.
        shown: Frames that were handed on.
        late: Frames left out because they would have been, or were, too old.
        corrupt: Frames that could not be decoded.
        dropped: Frames left out, by reason.
        suspect: Frames among the shown whose decoder complained.
        over_deadline: Frames among the shown that were too old, but better than no picture.
    """

    def __init__(self) -> None:
        self.read = 0
        self.shown = 0
        self.late = 0
        self.corrupt = 0
        self.suspect = 0
        self.over_deadline = 0
        self.dropped: Counter[str] = Counter()

    def enter(self) -> None:
        """Count a frame that was read."""
        self.read += 1

    def settle(self, fate: Fate, *, reason: str = "") -> None:
        """Count the end of a frame.

        Args:
            fate: What became of it.
            reason: Why it was dropped; required for ``dropped``, ignored otherwise.
        """
        if fate == "shown":
            self.shown += 1
        elif fate == "late":
            self.late += 1
        elif fate == "corrupt":
            self.corrupt += 1
        else:
            assert reason, "a dropped frame needs a reason"
            self.dropped[reason] += 1

    @property
    def num_dropped(self) -> int:
        """Frames dropped for any reason."""
        return sum(self.dropped.values())

    @property
    def settled(self) -> int:
        """Frames whose end is known."""
        return self.shown + self.late + self.corrupt + self.num_dropped

    @property
    def num_wished(self) -> int:
        """Frames dropped because the user asked for it."""
        return sum(self.dropped[reason] for reason in WISHED)

    @property
    def num_lost(self) -> int:
        """Frames lost against the user's wish so far."""
        return self.late + self.corrupt + self.num_dropped - self.num_wished

    @property
    def lost_share(self) -> float:
        """Share of the frames read that were lost against the user's wish (0..1)."""
        wanted = self.read - self.num_wished
        return self.num_lost / wanted if wanted else 0.0

    def absorb(self, other: "Ledger") -> None:
        """Add the counts of another ledger to this one."""
        self.read += other.read
        self.shown += other.shown
        self.late += other.late
        self.corrupt += other.corrupt
        self.suspect += other.suspect
        self.over_deadline += other.over_deadline
        self.dropped.update(other.dropped)

    def check(self) -> None:
        """Raise AssertionError unless every frame read has exactly one end."""
        assert self.settled == self.read, f"{self.settled} frames settled of {self.read} read"

    def as_dict(self) -> dict[str, object]:
        """Return the counts for a report."""
        return {
            "read": self.read,
            "shown": self.shown,
            "late": self.late,
            "dropped": self.num_dropped,
            "dropped_by_reason": dict(sorted(self.dropped.items())),
            "corrupt": self.corrupt,
            "suspect": self.suspect,
        }
