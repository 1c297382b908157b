"""The page that shows an exploration: one HTML file that needs nothing beside it."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from losszero_rt.errors import clean_text
from train.explore.findings import Findings
from train.explore.tiles import encode_jpeg

_TITLES = {
    "class_shares": "How much of each class",
    "parts": "The parts of the split beside each other",
    "object_sizes": "How large the objects are",
    "heat_maps": "Where each class lies",
    "brightness": "How bright the pictures are",
    "together": "Which classes appear together",
    "unlabelled": "How much has no class",
}
# Longer lists are in explore.json in full; a page of a hundred thousand rows helps nobody.
ROWS_MAX = 200
_STYLE = """
:root{color-scheme:light dark;--line:#d9dde2;--card:#fff;--page:#f4f5f7;--ink:#1b1f24;
--soft:#5b6570;--bad:#b3261e;--good:#1a7f4b}
@media(prefers-color-scheme:dark){:root{--line:#333a43;--card:#171b21;--page:#0e1116;
--ink:#e4e7eb;--soft:#9aa4b0;--bad:#ff8a80;--good:#6ad39b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1240px;margin:0 auto;padding:16px}
h1{font-size:1.5rem;margin:.3em 0}
h2{font-size:1.15rem;margin:1.8em 0 .6em}
h3{font-size:1rem;margin:0 0 .5em}
p{margin:.4em 0;max-width:75ch}
.note{color:var(--soft)}
.bad{color:var(--bad)}
.good{color:var(--good)}
.cards{display:grid;align-items:start;gap:14px;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr))}
.columns{columns:440px;column-gap:14px}
.columns .card{break-inside:avoid;margin-bottom:14px}
.tiles{display:grid;align-items:start;gap:10px;grid-template-columns:repeat(auto-fill,minmax(min(100%,260px),1fr))}
.card,figure{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:12px;
margin:0;min-width:0}
figure{padding:6px}
figure img{display:block;width:100%;border-radius:6px}
figcaption{font-size:.8rem;color:var(--soft);overflow-wrap:anywhere;padding:4px 2px 0}
.card svg{display:block;width:100%;height:auto;color:var(--ink)}
.card svg *{stroke-linejoin:round}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:5px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}
th{color:var(--soft);font-weight:600}
.swatch{display:inline-block;width:.9em;height:.9em;border:1px solid var(--soft);
border-radius:3px;margin-right:.5em;vertical-align:-.1em}
.numbers{display:flex;flex-wrap:wrap;gap:10px;margin:12px 0}
.numbers div{background:var(--card);border:1px solid var(--line);border-radius:10px;
padding:8px 14px}
.numbers b{display:block;font-size:1.3rem}
li{overflow-wrap:anywhere;margin:.2em 0}
details{margin:.6em 0}
summary{cursor:pointer}
"""


def make_page(
    findings: Findings,
    *,
    charts: Mapping[str, str],
    tiles: Sequence[tuple[str, np.ndarray]],
    scenes: Sequence[tuple[str, np.ndarray]] = (),
    twins: Sequence[tuple[str, np.ndarray]] = (),
) -> str:
    """Return the page as HTML text.

    Args:
        findings: What was found.
        charts: SVG text by chart name.
        tiles: Names and uint8 RGB pictures of the contact sheet.
        scenes: Names and uint8 RGB pictures of parking scenes.
        twins: Captions and uint8 RGB pictures of near-duplicates beside each other.
    """
    sections = [
        _headline(findings),
        _problems(findings),
        _section("Classes", _class_table(findings)),
        _section("Charts", _charts(charts)),
        _section("Pictures alike", _tiles(twins)),
        _section("Parking scenes", _scene_table(findings) + _tiles(scenes)),
        _section("Pictures, plain and labelled", _tiles(tiles)),
        _section("Every picture", _picture_table(findings)),
    ]
    title = f"{_text(findings.data)}: what the data holds"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _headline(findings: Findings) -> str:
    nights = sum(picture.is_night for picture in findings.pictures)
    labelled = sum(figures.num_pixels for figures in findings.classes)
    pixels = labelled + findings.unlabelled_pixels
    rides = {picture.ride for picture in findings.pictures if picture.ride}
    numbers = {
        "pictures": len(findings.pictures),
        "at night": nights,
        "rides": len(rides) or "unknown",
        "without a class": _percent(findings.unlabelled_pixels / pixels if pixels else None),
        "broken pairs": len(findings.broken),
    }
    boxes = "".join(f"<div><b>{_text(n)}</b>{_text(name)}</div>" for name, n in numbers.items())
    return (
        '<p class="note">Pictures of rides show people, number plates and places: they are '
        "personal data. This page was made on this machine, holds its pictures itself and loads "
        "and uploads nothing. Think before you pass it on.</p>\n"
        f'<div class="numbers">{boxes}</div>\n'
    )


def _problems(findings: Findings) -> str:
    absent = [
        f"{part.name or 'the data'} shows no {name}"
        for part in findings.parts
        for name in part.absent
    ]
    leaks = [f"{', '.join(leak.names)} ({leak.reason})" for leak in findings.leaks]
    blocks = [
        _listing("Broken pairs", findings.broken, "every pair could be read", rows_max=None),
        _listing("Leaks across the split", leaks, _no_leaks(findings)),
        _listing("Classes absent from a part", absent, "every part shows every class"),
    ]
    if findings.verified is not None:
        blocks.append(
            _listing("Annotations and colour masks", findings.verified, "they agree everywhere")
        )
    notes = "".join(f'<p class="note">{_text(note)}</p>' for note in findings.notes)
    return _section("What to look at first", f'{notes}<div class="cards">{"".join(blocks)}</div>')


def _no_leaks(findings: Findings) -> str:
    within = f"{findings.num_twins:,} pairs of near-duplicates lie within one part"
    named = any(part.name for part in findings.parts)
    return f"none found; {within}" if named else f"the data is not split; {within}"


def _listing(
    title: str, lines: Sequence[str], when_empty: str, *, rows_max: int | None = ROWS_MAX
) -> str:
    if not lines:
        return f'<div class="card"><h3>{title}</h3><p class="good">{_text(when_empty)}</p></div>'
    items = "".join(f"<li>{_text(line)}</li>" for line in lines[:rows_max])
    more = "" if rows_max is None else _more(len(lines))
    return f'<div class="card"><h3 class="bad">{title}</h3><ul>{items}</ul>{more}</div>'


def _class_table(findings: Findings) -> str:
    rows = []
    for figures in findings.classes:
        colour = "#{:02x}{:02x}{:02x}".format(*figures.colour)
        sizes = figures.objects
        rows.append(
            (
                f'<span class="swatch" style="background:{colour}"></span>{_text(figures.name)}',
                f"{figures.num_pixels:,}",
                _percent(figures.pixel_share),
                f"{figures.num_pictures:,}",
                "n/a" if sizes is None else f"{sizes.count:,}",
                "n/a" if sizes is None else f"{sizes.median:,.0f}",
                "n/a" if sizes is None else f"{sizes.p10:,.0f} to {sizes.p90:,.0f}",
            )
        )
    heads = (
        *("class", "pixels", "of labelled", "pictures"),
        *("objects", "median px", "middle 80 % px"),
    )
    return _table(heads, rows)


def _picture_table(findings: Findings) -> str:
    rows = [
        (
            _text(picture.name),
            _text(picture.part or "none"),
            _text(picture.ride or "unknown"),
            f"{picture.size[1]}x{picture.size[0]}",
            f"{picture.mean_luma:.0f}",
            "night" if picture.is_night else "day",
            _percent(picture.unlabelled_share),
        )
        for picture in findings.pictures[:ROWS_MAX]
    ]
    if not rows:
        return ""
    heads = ("picture", "part", "ride", "px", "luma", "light", "without a class")
    count = len(findings.pictures)
    return (
        f"<details><summary>{count:,} pictures</summary>{_table(heads, rows)}{_more(count)}"
        "</details>"
    )


def _scene_table(findings: Findings) -> str:
    scenes = findings.scenes
    if scenes is None:
        return ""
    rows = [
        (kind, _text(name), f"{count:,}")
        for kind, counts in (
            ("polygon", scenes.num_polygons),
            ("2D box", scenes.num_boxes2d),
            ("3D box", scenes.num_boxes3d),
        )
        for name, count in counts.items()
    ]
    told = (
        f"<p>{scenes.num_scenes:,} scenes, {scenes.num_clouds:,} with a point cloud; "
        f"{scenes.num_drawn} are drawn here. Of their {scenes.num_points:,} points "
        f"{scenes.num_points_seen:,} fall into the picture. "
        f"The rotation of the calibration was read as: {_text(scenes.rotation)}.</p>"
    )
    faults = _listing("Scenes not drawn in full", scenes.faults, "all drawn in full")
    return told + _table(("kind", "name", "number"), rows) + faults


def _charts(charts: Mapping[str, str]) -> str:
    cards = "".join(
        f'<div class="card"><h3>{_TITLES[name]}</h3>{svg}</div>' for name, svg in charts.items()
    )
    return f'<div class="columns">{cards}</div>' if cards else ""


def _tiles(tiles: Iterable[tuple[str, np.ndarray]]) -> str:
    figures = "".join(
        f'<figure><img loading="lazy" alt="{_text(name)}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(encode_jpeg(tile)).decode()}"><figcaption>{_text(name)}</figcaption>'
        "</figure>"
        for name, tile in tiles
    )
    return f'<div class="tiles">{figures}</div>' if figures else ""


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; the cells are HTML already."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="card scroll"><table><tr>{head}</tr>{body}</table></div>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>\n{content}\n</section>\n" if content else ""


def _more(count: int) -> str:
    if count <= ROWS_MAX:
        return ""
    return f'<p class="note">{count - ROWS_MAX:,} more in explore.json.</p>'


def _percent(share: float | None) -> str:
    if share is None:
        return "n/a"
    return f"{100 * share:.2f} %" if share < 0.1 else f"{100 * share:.1f} %"


def _text(value: object) -> str:
    return escape(clean_text(str(value)))
