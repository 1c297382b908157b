"""A comparison as Markdown."""

from collections.abc import Sequence

from losszero_rt.errors import clean_text
from train.compare.comparison import Comparison
from train.compare.table import Cell, make_table

PICTURES_NAME = "pictures"


def make_markdown(comparison: Comparison, *, plots: Sequence[tuple[str, str]]) -> str:
    """Return the report as Markdown.

    Args:
        comparison: What to tell.
        plots: Title and file name of every plot beside the report.
    """
    names = [_text(row.name) for row in comparison.rows]
    lines = [f"# {comparison.title}", ""]
    for group in make_table(comparison.rows):
        if not group.lines:
            continue
        lines += [f"## {group.title}", "", f"| | {' | '.join(names)} |"]
        lines.append("|---|" + "---:|" * len(names))
        for line in group.lines:
            cells = " | ".join(_cell(cell) for cell in line.cells)
            lines.append(f"| {_text(line.title)} | {cells} |")
        lines.append("")
    for title, name in plots:
        lines += [f"![{title}]({name})", ""]
    if comparison.sides:
        lines += ["## Side by side", ""]
    for side in comparison.sides:
        lines += [f"![{_text(side.name)}]({PICTURES_NAME}/{side.file_stem}.png)", ""]
    lines += ["## How to read it", "", *(f"- {note}" for note in comparison.notes)]
    return "\n".join(lines).rstrip() + "\n"


def _cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return f"{text}<br><sub>{_text(cell.note)}</sub>" if cell.note else text


def _text(text: str) -> str:
    return clean_text(text).replace("|", "\\|").replace("<", "&lt;")
