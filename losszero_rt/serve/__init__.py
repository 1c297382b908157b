"""The live web page: pictures and figures of a run for any browser, at little cost to the run.

Nothing of the web stack is imported before a page is opened.
"""

from losszero_rt.serve.options import DEFAULT_PORT, PageOptions, parse_place
from losszero_rt.serve.page import Page

__all__ = ["DEFAULT_PORT", "Page", "PageOptions", "parse_place"]
