"""Explores a data set from end to end: this page reads from top to bottom."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from losszero_rt.classmap import PARKING
from losszero_rt.errors import InputError
from train.datasets import PictureSet, open_sound_pictures, read_split
from train.datasets.parking import read_scenes
from train.datasets.verification import verify_night_ride
from train.explore.findings import Findings
from train.explore.projection import RotationKind
from train.explore.sampling import spaced
from train.explore.scenes import draw_scenes
from train.explore.surveying import survey
from train.explore.togetherness import draw_together, find_together
from train.explore.writing import Pictures, write_report

Say = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class ExploreOptions:
    """What to explore, and how.

    Attributes:
        layout: Name of a layout, or ``auto``.
        split: Split file; None takes the parts that the data itself states.
        verify: Whether to compare the two label sources of Motorcycle Night Ride.
        limit: Pictures to look at, evenly spaced over all; None looks at all.
        rotation: How to read the rotation of a parking scene's calibration.
    """

    layout: str = "auto"
    split: Path | None = None
    verify: bool = False
    limit: int | None = None
    rotation: RotationKind = "vector"


def explore(folder: Path, *, out: Path, options: ExploreOptions, say: Say = print) -> Findings:
    """Explore a data set and write the report.

    What is broken in the data is part of the findings and stops nothing.

    Args:
        folder: The data set.
        out: Folder of the report.
        options: What to explore, and how.
        say: Told what is being done.

    Returns:
        What was found.

    Raises:
        InputError: If the folder is no data set, the split file no split, or ``verify`` has nothing
            to compare.
        OutputError: If the report cannot be written.
    """
    pictures, broken = open_sound_pictures(folder, layout=options.layout)
    parts, notes = _parts(pictures, options.split)
    verified = _verified(folder) if options.verify else None
    if options.limit is not None and options.limit < len(pictures):
        notes.append(f"only {options.limit} of {len(pictures)} pictures were looked at")
        chosen = spaced(len(pictures), options.limit)
        pictures = pictures.subset(pictures.names[index] for index in chosen)
    say(f"looking at {len(pictures)} pictures")
    findings, tiles = survey(pictures, parts=parts, broken=broken)
    say("looking for near-duplicates")
    sound = pictures.subset(picture.name for picture in findings.pictures)
    leaks, twins, num_twins = find_together(sound, parts=parts)
    findings = replace(findings, leaks=leaks, twins=twins, num_twins=num_twins, notes=tuple(notes))
    shown = Pictures(tiles=tiles, twins=draw_together(sound, chain(leaks, twins)))
    if pictures.classes == PARKING:
        say("drawing parking scenes")
        scenes, drawn = draw_scenes(
            read_scenes(folder, faults=[]), classes=PARKING, rotation=options.rotation
        )
        findings, shown = replace(findings, scenes=scenes), replace(shown, scenes=drawn)
    findings = replace(findings, verified=verified)
    write_report(findings, shown, out=out)
    return findings


def _parts(pictures: PictureSet, split_path: Path | None) -> tuple[dict[str, str], list[str]]:
    """Return the part of each picture name, and notes: those of the data, and of the split."""
    notes = list(pictures.notes)
    if split_path is None:
        return {record.name: record.split for record in pictures.records if record.split}, notes
    split = read_split(split_path)
    parts = {name: part for part, names in split.parts.items() for name in names}
    known = {*pictures.names}
    if missing := sorted({*parts} - known):
        notes.append(f"{split_path.name} names pictures that cannot be read: {', '.join(missing)}")
    if known and known.isdisjoint(parts):
        raise InputError(
            f"{split_path} names no picture of {pictures.name}",
            remedy="make the split again: python -m train split DATA --out split.json",
        )
    if left := len(known - {*parts}):
        notes.append(f"{left} pictures lie in no part of {split_path.name}")
    return parts, notes


def _verified(folder: Path) -> tuple[str, ...]:
    report = verify_night_ride(folder)
    return tuple(report.lines()) if report.share or report.faults else ()
