"""Tables and figures of a report as objects that show themselves in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coldbench.report.analysis.table import Table
from coldbench.report.figures.picture import Picture
from coldbench.report.writers import latex, markdown


@dataclass(frozen=True)
class TableView:
    """The tables of one kind, one per dataset and protocol.

    Attributes:
        parts: Title and table of each dataset and protocol.
    """

    parts: Sequence[tuple[str, Table]]

    @property
    def frame(self) -> pd.DataFrame:
        """The numbers: one row per dataset, protocol, backbone and method, one column per phase."""
        parts = [
            pd.DataFrame(
                [[c.text for c in row[: table.names]] + [c.value for c in row[table.names :]] for row in table.rows],
                columns=list(table.header),
            ).assign(dataset=title)
            for title, table in self.parts
        ]
        whole = pd.concat(parts, ignore_index=True)
        return whole[["dataset", *whole.columns.drop("dataset")]]

    @property
    def latex(self) -> str:
        """The tables in LaTeX."""
        return latex.PACKAGES + "\\clearpage\n".join(latex.table(table) for _, table in self.parts)

    def __str__(self) -> str:
        return "\n".join(markdown.section(table, title) for title, table in self.parts)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return str(self)


@dataclass(frozen=True)
class FigureView:
    """The figures of one kind, one per dataset and protocol.

    Attributes:
        pictures: The drawn figures.
    """

    pictures: Sequence[Picture]

    def save(self, folder: str | Path) -> list[Path]:
        """Writes each figure as SVG, PDF and PNG, and returns the files."""
        files = []
        for picture in self.pictures:
            for ending, content in picture.files.items():
                file = Path(folder) / f"{picture.name}.{ending}"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
                files.append(file)
        return files

    def __repr__(self) -> str:
        return "\n".join(f"{picture.about}: {picture.title}. {picture.caption}" for picture in self.pictures)

    def _repr_html_(self) -> str:
        return "\n".join(picture.files["svg"].decode().partition("?>")[2] for picture in self.pictures)
