"""Claims, and results as JSON: every script measures, prints a short table and writes one file."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from benchmarks.machine import code_facts, machine_facts, versions
from benchmarks.options import ROOT, Options, parse_options
from losszero_rt.bundle import find_bundle
from losszero_rt.timings import now_s

RESULT_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One figure with what it must reach.

    Attributes:
        what: What was measured.
        value: The figure; None when it could not be measured.
        unit: Its unit.
        bound: Which side of ``limit`` is good.
        limit: What must be reached; None for a figure that is only told.
        absent: Why there is no figure.
    """

    what: str
    value: float | None
    unit: str
    bound: Literal["at least", "at most"] = "at least"
    limit: float | None = None
    absent: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the figure reaches its limit; None where either is absent."""
        if self.value is None or self.limit is None:
            return None
        return self.value >= self.limit if self.bound == "at least" else self.value <= self.limit

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for a JSON file, with the verdict."""
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a script found.

    Attributes:
        claims: Figures with what they must reach.
        figures: Everything else, JSON ready.
        notes: Lines without which the figures would mislead.
    """

    claims: tuple[Claim, ...]
    figures: dict[str, Any]
    notes: tuple[str, ...] = field(default=())


def conduct(
    name: str,
    measure: Callable[[Options], Outcome],
    *,
    description: str,
    arguments: Sequence[str] | None,
    own: argparse.ArgumentParser | None = None,
) -> int:
    """Run one script: parse, measure, print, write ``NAME.json``.

    Args:
        name: Name of the result file without suffix.
        measure: Does the work.
        description: What the script measures.
        arguments: Words of the command line; None takes them from the process.
        own: Options of this script alone, which it reads itself; made without help.

    Returns:
        The exit code, 0: a claim that fails is a finding, not an error.
    """
    options = parse_options(arguments, description=description, own=own)
    before, start_s = machine_facts(), now_s()
    outcome = measure(options)
    result = {
        "format": RESULT_FORMAT,
        "name": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": options.quick,
        "took_s": round(now_s() - start_s, 1),
        "rounds": options.rounds,
        "model": options.model,
        "model_sha256": find_bundle(options.model, allow_unverified=True).sha256,
        "machine": before,
        "versions": versions(),
        **code_facts(),
        "claims": [claim.as_dict() for claim in outcome.claims],
        "notes": list(outcome.notes),
        "figures": outcome.figures,
    }
    path = options.out / f"{name}.json"
    write_result(path, result, options=options)
    print(claims_text(outcome))
    print(f"{path} ({result['took_s']} s)")
    return 0


def write_result(path: Path, value: dict[str, Any], *, options: Options) -> None:
    """Write a JSON file whole or not at all; folders of this machine are named, not spelled out."""
    text = json.dumps(value, indent=2, allow_nan=False)
    places = {"WORK": options.work, "PEER": options.peer, "RESULTS": options.out, "HERE": ROOT}
    for name, place in places.items():
        text = text.replace(str(place), name)
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def claims_text(outcome: Outcome) -> str:
    """Return the claims as a table of text, the notes below."""
    lines = []
    for claim in outcome.claims:
        target = f"{claim.bound} {claim.limit:g}" if claim.limit is not None else ""
        verdict = {True: "reached", False: "MISSED", None: ""}[claim.holds]
        lines.append(f"{claim.what:<62} {value_text(claim):>16}  {target:<15} {verdict}".rstrip())
    return "\n".join([*lines, *(f"  {note}" for note in outcome.notes)])


def value_text(claim: Claim) -> str:
    """Return a claim's figure with its unit, or why it is absent."""
    if claim.value is None:
        return f"absent: {claim.absent}"
    return f"{claim.value:.4g} {claim.unit}".strip()
