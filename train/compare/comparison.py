"""A finished comparison: its rows, its pictures, and what has to be said beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from losszero_rt import __version__
from train.compare.machine import machine_line
from train.compare.pictures import Side
from train.compare.row import Row
from train.compare.running import Clip

_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything that a report of a comparison is made from.

    Attributes:
        rows: The networks; at least one.
        data: Name of the data set and its part that all were judged on.
        data_version: Digest of the pictures and labels; empty where unknown.
        weights: Which checkpoint of each training was compared.
        clip: What the speeds were measured on.
        machine: Facts of the machine, from before the first run.
        sides: Pictures side by side.
        drawn_pictures: Whether these are rendered rides.
    """

    rows: Sequence[Row]
    data: str
    data_version: str
    weights: str
    clip: Clip
    machine: Mapping[str, Any]
    sides: Sequence[Side]
    drawn_pictures: bool

    @property
    def title(self) -> str:
        """Return a headline."""
        many = f"{len(self.rows)} networks" if len(self.rows) > 1 else self.rows[0].name
        return f"{many} on {self.data}"

    @property
    def notes(self) -> list[str]:
        """Return the sentences without which the figures would mislead."""
        return [
            f"Accuracy is over n = {self.rows[0].scored.scores.n} pictures of {self.data}, at the "
            "size of their labels, without test-time augmentation; ranges are 95 % intervals over "
            "images (bootstrap). With few pictures they are wide: networks whose ranges overlap "
            "are not told apart by these figures.",
            "A network that finds little takes little for road, too: read the safety rates beside "
            "the IoU.",
            self._training_note(),
            self._overlap_note(),
            self._speed_note(),
            f"Machine: {machine_line(dict(self.machine))}.",
            "A multiply-add counts as two operations. n/a stands for a class without a pixel in "
            "truth and prediction, or a figure that was not measured.",
        ]

    def _training_note(self) -> str:
        if {row.origin for row in self.rows} == {"checkpoint"}:
            return "All networks were given as checkpoints; the table says how long they trained."
        chosen = (
            "the weights at the end of each training, not those of its best epoch, which would be "
            "chosen on the pictures that are scored"
            if self.weights == "last"
            else "the weights of the best epoch, chosen on the pictures that are scored, so all "
            "figures are somewhat too good"
        )
        return (
            f"Compared are {chosen}. Schedules are as short as the table says: the figures rank "
            "these trainings, not what the families can reach."
        )

    def _overlap_note(self) -> str:
        """Say whose figures are of pictures that they were trained on, as far as is known."""
        told = [f"{row.name} {row.overlap}" for row in self.rows if row.overlap.seen]
        unknown = [row.name for row in self.rows if row.overlap.seen is None]
        sentences = []
        if told:
            sentences.append(f"Too good, and not to be compared: {'; '.join(told)}.")
        if unknown:
            sentences.append(
                f"What {', '.join(unknown)} had been trained on is not recorded: that it was not "
                "on pictures scored here is up to who gave it."
            )
        if len(told) + len(unknown) < len(self.rows):
            rest = "The other networks" if sentences else "The networks"
            sentences.append(
                f"{rest} saw none of the scored pictures in training, going by their names."
            )
        if any(row.overlap.by_split for row in self.rows):
            sentences.append(
                "Where the split beside a checkpoint tells, what its training had started from "
                "is not known."
            )
        return " ".join(sentences)

    def _speed_note(self) -> str:
        what = "a rendered ride" if self.clip.drawn else "one clip"
        rounds = "once" if self.clip.rounds == 1 else f"{self.clip.rounds} times, median told"
        return (
            f"Frames a second are end to end, from file to file with decoding, overlay and "
            f"encoding, over the first {self.clip.seconds:g} s of {what}; every network ran it "
            f"{rounds}, one after the other on the same machine. {self._warmup_note()}"
        )

    def _warmup_note(self) -> str:
        speeds = [speed for row in self.rows for speed in row.speeds.values() if speed.fps]
        frames = sorted({speed.warmup_frames for speed in speeds})
        if not frames or not frames[-1]:
            return "The clip is too short for a warm-up to be left out."
        return f"The first {' or '.join(map(str, frames))} frames of each run are left out."

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the pictures, JSON ready; ``rows`` holds one object a network."""
        return {
            "format": _FORMAT,
            "version": __version__,
            "data": self.data,
            "data_version": self.data_version,
            "weights": self.weights,
            "test_time_augmentation": "none",
            "clip": {
                "name": self.clip.path.name,
                "seconds": self.clip.seconds,
                "rounds": self.clip.rounds,
                "drawn": self.clip.drawn,
            },
            "machine": dict(self.machine),
            "notes": self.notes,
            "rows": [row.as_dict() for row in self.rows],
        }
