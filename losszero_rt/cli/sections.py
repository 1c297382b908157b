"""Help texts whose options stand under headings."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

_REST = "Other options"


class SectionedCommand(click.Command):
    """A command whose help groups its options.

    Args:
        args: What a command takes, in its order.
        sections: Headings, each with the long flags below it; options that are under none come
            last.
        arguments: What a command takes, by name.
    """

    def __init__(
        self, *args: Any, sections: Mapping[str, Sequence[str]] | None = None, **arguments: Any
    ) -> None:
        super().__init__(*args, **arguments)
        self.sections = dict(sections or {})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, heading after heading."""
        records = {
            parameter.opts[-1]: parameter.get_help_record(ctx)
            for parameter in self.get_params(ctx)
            if isinstance(parameter, click.Option)
        }
        placed = {flag for flags in self.sections.values() for flag in flags}
        rest = [flag for flag in records if flag not in placed]
        for title, flags in (*self.sections.items(), (_REST, rest)):
            rows = [record for flag in flags if (record := records.get(flag)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
