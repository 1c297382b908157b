"""The page that shows an explanation: HTML beside the PNG files that it shows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape

from losszero_rt.errors import clean_text

_STYLE = """
:root{color-scheme:light dark}
body{margin:0;font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;
background:light-dark(#f4f5f7,#0e1116);color:light-dark(#1b1f24,#e4e7eb)}
main{max-width:1480px;margin:0 auto;padding:16px}
h1{font-size:1.5rem;margin:.3em 0}
h2{font-size:1.15rem;margin:1.8em 0 .4em}
p{margin:.4em 0;max-width:80ch}
.note{color:light-dark(#5b6570,#9aa4b0)}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:1em 0}
img{display:block;max-width:100%;height:auto;border-radius:8px}
"""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One sheet of the page.

    Attributes:
        title: Its heading.
        text: What to see in it.
        file: Name of its PNG file beside the page.
    """

    title: str
    text: str
    file: str

    def as_dict(self) -> dict[str, str]:
        """Return the fields for a JSON file."""
        return asdict(self)


def make_page(title: str, *, facts: Sequence[str], figures: Sequence[Figure]) -> str:
    """Return the page as HTML text.

    Args:
        title: Heading of the page.
        facts: Lines below it.
        figures: The sheets, in order.
    """
    links = "".join(
        f'<a href="#{_text(figure.file)}">{_text(figure.title)}</a>' for figure in figures
    )
    sections = "".join(
        f'<section id="{_text(figure.file)}"><h2>{_text(figure.title)}</h2>\n'
        f"<p>{_text(figure.text)}</p>\n"
        f'<a href="{_text(figure.file)}"><img loading="lazy" src="{_text(figure.file)}" '
        f'alt="{_text(figure.title)}"></a></section>\n'
        for figure in figures
    )
    lines = "".join(f"<p>{_text(fact)}</p>\n" for fact in facts)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{_text(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{_text(title)}</h1>\n{lines}"
        '<p class="note">Pictures of rides show people, number plates and places: they are '
        "personal data. Nothing was uploaded. Think before you pass them on.</p>\n"
        f"<nav>{links}</nav>\n{sections}</main>\n</body>\n</html>\n"
    )


def _text(value: str) -> str:
    return escape(clean_text(value))
