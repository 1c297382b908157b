"""A comparison as one HTML page that needs nothing beside it."""

import base64
from collections.abc import Sequence
from html import escape

from losszero_rt.classmap import ClassMap
from losszero_rt.errors import clean_text
from train.compare.comparison import Comparison
from train.compare.pictures import Side
from train.compare.table import Cell, Group, make_table
from train.explore.tiles import encode_jpeg

_STYLE = """
:root{color-scheme:light dark;--line:#dfe3e8;--card:#fff;--page:#f4f5f7;--ink:#1b1f24;
--soft:#5b6570;--best:#0b6e4f;--tint:#e8f4ef}
@media(prefers-color-scheme:dark){:root{--line:#333a43;--card:#171b21;--page:#0e1116;
--ink:#e4e7eb;--soft:#9aa4b0;--best:#6ad39b;--tint:#15271f}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1180px;margin:0 auto;padding:20px 16px 48px}
h1{font-size:1.6rem;line-height:1.25;margin:.4em 0 .2em;text-wrap:balance}
h2{font-size:1.15rem;margin:2em 0 .6em}
h3{font-size:1rem;margin:1.4em 0 .5em;font-weight:600}
p,li{max-width:76ch}
.lead{color:var(--soft);margin:.2em 0 1em}
.card,figure{background:var(--card);border:1px solid var(--line);border-radius:10px;min-width:0}
.card{padding:14px}
.scroll{overflow-x:auto;padding:0}
.plots{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr))}
.plots h3{margin:0 0 .4em}
.plots svg{display:block;width:100%;height:auto}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.92rem;
font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap;
vertical-align:top}
thead th{font-weight:600;border-bottom:2px solid var(--line)}
th:first-child{text-align:left;position:sticky;left:0;background:var(--card);font-weight:400;
white-space:normal;min-width:9.5em;max-width:15em}
tr.group th{font-weight:600;padding-top:18px;max-width:none;position:static}
tr.group span{position:sticky;left:12px}
tbody:last-child tr:last-child>*{border-bottom:0}
td small{display:block;color:var(--soft);font-size:.78rem;white-space:normal;
min-width:7.4em;max-width:13em;margin-left:auto}
td.best{background:var(--tint)}
td.best b{color:var(--best)}
@media(max-width:600px){th,td{padding:6px 9px}
th:first-child{min-width:7.2em;max-width:8.6em;overflow-wrap:anywhere}}
.tiles{display:grid;gap:10px;grid-template-columns:repeat(auto-fill,minmax(min(100%,270px),1fr))}
figure{margin:0;padding:5px}
figure img{display:block;width:100%;height:auto;border-radius:6px}
figcaption{display:flex;justify-content:space-between;gap:1em;font-size:.85rem;padding:5px 4px 1px}
figcaption span{color:var(--soft);font-variant-numeric:tabular-nums}
.key{display:flex;flex-wrap:wrap;gap:4px 18px;font-size:.9rem;margin:0 0 .8em}
.swatch{display:inline-block;width:.9em;height:.9em;border:1px solid var(--soft);border-radius:3px;
margin-right:.45em;vertical-align:-.1em}
.notes{padding-left:1.2em;color:var(--soft);font-size:.95rem}
.notes li{margin:.45em 0;overflow-wrap:anywhere}
"""


def make_page(comparison: Comparison, *, plots: Sequence[tuple[str, str]]) -> str:
    """Return the report as HTML text.

    Args:
        comparison: What to tell.
        plots: Title and SVG text of every plot.
    """
    title, scores = _text(comparison.title), comparison.rows[0].scored.scores
    lead = (
        f"n = {scores.n} pictures, 95 % intervals over images, no test-time augmentation. "
        "The best figure of each row is marked."
    )
    drawn = "".join(
        f'<div class="card"><h3>{_text(name)}</h3>{svg}</div>' for name, svg in plots if svg
    )
    notes = "".join(f"<li>{_text(note)}</li>" for note in comparison.notes)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{title}</h1>\n<p class="lead">{lead}</p>\n'
        f'<div class="plots">{drawn}</div>\n'
        f"<h2>Every figure</h2>\n{_table(comparison)}\n"
        f"{_sides(comparison, scores.classmap)}"
        f'<h2>How to read it</h2>\n<ul class="notes">{notes}</ul>\n'
        "</main>\n</body>\n</html>\n"
    )


def _table(comparison: Comparison) -> str:
    names = "".join(f'<th scope="col">{_text(row.name)}</th>' for row in comparison.rows)
    groups = "".join(
        _group(group, len(comparison.rows)) for group in make_table(comparison.rows) if group.lines
    )
    return (
        f'<div class="card scroll"><table><thead><tr><th></th>{names}</tr></thead>'
        f"{groups}</table></div>"
    )


def _group(group: Group, columns: int) -> str:
    lines = "".join(
        f'<tr><th scope="row">{_text(line.title)}</th>{"".join(map(_cell, line.cells))}</tr>\n'
        for line in group.lines
    )
    title = f'<th colspan="{columns + 1}"><span>{_text(group.title)}</span></th>'
    return f'<tbody><tr class="group">{title}</tr>\n{lines}</tbody>\n'


def _cell(cell: Cell) -> str:
    note = f"<small>{_text(cell.note)}</small>" if cell.note else ""
    if cell.best:
        return f'<td class="best"><b>{_text(cell.text)}</b>{note}</td>'
    return f"<td>{_text(cell.text)}{note}</td>"


def _sides(comparison: Comparison, classes: ClassMap) -> str:
    if not comparison.sides:
        return ""
    what = (
        "Rendered rides, which no network was trained on; their mIoU is of the one picture."
        if comparison.drawn_pictures
        else "Pictures of rides show people, number plates and places: they are personal data. "
        "This page holds them itself. Think before you pass it on."
    )
    key = "".join(
        f'<span><span class="swatch" style="background:#{bytes(colour).hex()}"></span>'
        f"{_text(name)}</span>"
        for class_id, (name, colour) in enumerate(zip(classes.names, classes.colours, strict=True))
        if class_id != classes.background_id
    )
    body = "".join(_side(side) for side in comparison.sides)
    return (
        f'<h2>Side by side</h2>\n<p class="lead">{what}</p>\n<div class="key">{key}</div>\n{body}'
    )


def _side(side: Side) -> str:
    figures = "".join(
        f'<figure><img loading="lazy" alt="{_text(tile.title)}: {_text(side.name)}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(encode_jpeg(tile.pixels_HWC)).decode()}">'
        f"<figcaption>{_text(tile.title)}<span>{_text(tile.note)}</span></figcaption></figure>"
        for tile in side.tiles
    )
    return f'<h3>{_text(side.name)}</h3>\n<div class="tiles">{figures}</div>\n'


def _text(text: str) -> str:
    return escape(clean_text(text))
