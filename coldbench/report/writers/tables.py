"""The former form of a table of texts, for ``analysis.across``."""

from __future__ import annotations

from collections.abc import Sequence

from coldbench.report.analysis.table import Table, text_row
from coldbench.report.writers import markdown


class Told(Table):
    """A table of formatted texts."""

    def __init__(
        self, heading: str, header: list[str], names: int, rows: list[list[str]], legend: str, lines: Sequence[str]
    ) -> None:
        super().__init__(heading, header, names, [text_row(row, names) for row in rows], legend, lines)

    def markdown(self) -> str:
        """The table as a section of the third level."""
        return markdown.section(self)
