"""The table of claims in README.md, made from the results.

Run: python -m benchmarks.summary
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.options import RESULTS

README = Path(__file__).parent / "README.md"
START, END = "<!-- figures: written by benchmarks.summary -->", "<!-- end of figures -->"


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Return the results of the scripts, in order of their names; other JSON files are left out."""
    results = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))
    ]
    return [result for result in results if isinstance(result, dict) and "claims" in result]


def table_of(results: Sequence[dict[str, Any]]) -> str:
    """Return machine, commit and all claims as Markdown."""
    if not results:
        return "No results yet."
    lines = ["| script | what | measured | must reach |", "|---|---|---|---|"]
    for result in results:
        for claim in result["claims"]:
            cells = (result["name"], claim["what"], measured(claim), target(claim))
            lines.append("| " + " | ".join(cells) + " |")
    notes = [f"{result['name']}: {note}." for result in results for note in result["notes"]]
    return "\n".join([*provenance(results), "", *lines, "", *notes]).rstrip()


def provenance(results: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each machine, and each commit, that results come from."""
    places: dict[str, list[str]] = {}
    for result in results:
        machine, versions = result["machine"], result["versions"]
        commit = (result["commit"] or "no commit")[:10] + (
            " with changes" if result["dirty"] else ""
        )
        place = (
            f"{machine['cpu']}, {machine['cores']} cores, "
            f"{' '.join(machine['cpu_features'])}; OpenVINO {versions.get('openvino')}, "
            f"PyAV {versions.get('av')}, OpenCV {versions.get('opencv-python')}, "
            f"NumPy {versions.get('numpy')}; {commit}; {result['date'][:10]}"
        )
        places.setdefault(place, []).append(result["name"])
    return [f"{', '.join(names)}: {place}." for place, names in places.items()]


def measured(claim: dict[str, Any]) -> str:
    """Return the figure of a claim, or why it is absent."""
    if claim["value"] is None:
        return f"absent: {claim['absent'].splitlines()[0]}"
    return f"{claim['value']:.4g} {claim['unit']}".strip()


def target(claim: dict[str, Any]) -> str:
    """Return what a claim must reach, and whether it does."""
    if claim["limit"] is None:
        return ""
    verdict = {True: "reached", False: "**missed**", None: "not measured"}[claim["holds"]]
    return f"{claim['bound']} {claim['limit']:g}: {verdict}"


def update(readme: Path, *, table: str) -> None:
    """Replace what stands between the two marks of a file."""
    text = readme.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"{readme} lacks the marks {START} and {END}")
    readme.write_text(f"{before}{start}\n{table}\n{end}{after}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table and write it into README.md."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--readme", type=Path, default=README, help="file to update")
    parsed = parser.parse_args(arguments)
    table = table_of(read_results(parsed.out))
    update(parsed.readme, table=table)
    print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
