"""``Results``: the results of a run as a data frame, tables, comparisons and figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from html import escape
from pathlib import Path

import pandas as pd

from coldbench.api.views import FigureView, TableView
from coldbench.commands.run import report
from coldbench.core.errors import InputError, unknown
from coldbench.core.storage import Place
from coldbench.report.analysis.comparisons import MARKING, over_seeds
from coldbench.report.analysis.contents import SectionTables, contents
from coldbench.report.analysis.findings import Findings, find
from coldbench.report.analysis.measured import Measured, measure
from coldbench.report.analysis.names import BASELINE
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.gallery import KINDS, pictures
from coldbench.runs.folder import Folder

_TABLES = {1: "by_phase", 2: "gains", "paper": "against_paper", "tests": "tests"}  # attributes of ``SectionTables``
_COMPARED = ["dataset", "protocol", "backbone", "phase", "method", "reference", "seeds"]
_COMPARED += ["difference", "low", "high", "p", "p_holm", "verdict"]


class Results:
    """The results of a run's folder, read when they are first needed.

    A notebook shows the object as Table 1.

    Args:
        path: The run's folder on this machine.
        options: The metric, the reference and the level; None for AUC, against the best method, at 0.05.
    """

    def __init__(self, path: Place, options: ReportOptions | None = None) -> None:
        self.folder = Folder(path)
        self.options = options or ReportOptions()

    def asking(self, **question: object) -> Results:
        """The same results with another question.

        Args:
            **question: Fields of ``ReportOptions``: ``metric``, ``reference``, ``alpha``, ``margin``.

        Raises:
            InputError: The option is unknown.
        """
        for name in question:
            if name not in ReportOptions.__dataclass_fields__:
                raise unknown("option of a report", name, ReportOptions.__dataclass_fields__)
        return Results(self.folder.path, replace(self.options, **question))  # type: ignore[arg-type]

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One row per cell and phase, with labels, metrics and costs."""
        return self._measured.frame

    @property
    def failures(self) -> Mapping[str, str]:
        """The reasons why cells failed in the latest run, by cell."""
        return self.folder.failures()

    @property
    def notes(self) -> list[str]:
        """Sentences that a reader of the results should know."""
        return self._findings.notes

    def table(self, which: int | str = 1) -> TableView:
        """A table of the report.

        Args:
            which: 1 for the methods by phase, 2 for what each method adds to the baseline, ``"paper"`` for the
                distances from published numbers, ``"tests"`` for all tests.

        Raises:
            InputError: There is no such table.
        """
        if which not in _TABLES:
            raise unknown("table", str(which), map(str, _TABLES))
        parts = [(part.title, getattr(part, _TABLES[which])) for part in self._sections]
        there = [(title, table) for title, table in parts if table is not None]
        if not there:
            raise InputError(f"{self.folder.path} has no cells for table {which}")
        return TableView(there)

    def compare(self, method: str, reference: str = BASELINE) -> pd.DataFrame:
        """A method against another on every dataset, protocol and backbone, and in every phase.

        Args:
            method: The method's label, such as ``avaew`` or ``base[item_lr=0.01]``.
            reference: The label of the method that it is compared with.

        Returns:
            One row per comparison by the paired t-test over seeds: the mean difference (method minus reference) with
            its interval, p before and after Holm's correction over these two methods' column, and the verdict.

        Raises:
            InputError: One of the methods is not in the results.
        """
        both = self.frame[self.frame["method"].isin([method, reference])]
        for label in (method, reference):
            if label not in set(both["method"]):
                raise unknown("method of this run", label, self.frame["method"].unique())
        tests = over_seeds(both, replace(self.options, reference=reference))
        return tests.loc[tests["test"] == MARKING, _COMPARED].reset_index(drop=True)

    def figure(self, kind: str = "phases") -> FigureView:
        """The figures of one kind, one per dataset and protocol.

        Raises:
            InputError: The kind is unknown, or the results do not allow such a figure.
        """
        if kind not in KINDS:
            raise unknown("figure", kind, KINDS)
        drawn, notes = pictures(self.folder, self._findings, kind)
        if not drawn:
            raise InputError(" ".join([f"these results have no figure {kind!r}.", *notes]))
        return FigureView(drawn)

    def report(self) -> Place:
        """Writes the report into the run's folder, and returns the path of its Markdown file.

        Raises:
            InputError: The report cannot be written.
        """
        return report(str(self.folder.path), self.options).path

    def __repr__(self) -> str:
        cells = self.frame["key"].nunique()
        return f"<coldbench results of {cells} cells in {self.folder.path}>\n{self.table(1)}"

    def _repr_html_(self) -> str:
        where = escape(str(self.folder.path))
        tables = "".join(
            f"<h4>{escape(title)}</h4>{_numbers(TableView([(title, table)]))}<p>{escape(table.legend)}</p>"
            for title, table in self.table(1).parts
        )
        return f"<p>Results in <code>{where}</code></p>{tables}"

    @cached_property
    def _measured(self) -> Measured:
        path = self.folder.path
        if not isinstance(path, Path):
            raise InputError(f"{path} is not on this machine; copy it here, or write its report with Results.report")
        return measure(path, self.options)

    @cached_property
    def _findings(self) -> Findings:
        return find(self._measured)

    @cached_property
    def _sections(self) -> list[SectionTables]:
        return contents(self._findings).sections


def _numbers(view: TableView) -> str:
    return view.frame.drop(columns="dataset").to_html(index=False, float_format="{:.4f}".format, border=0)
