"""A run's folder -> its report."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from coldbench.core.atomic import write_text
from coldbench.core.errors import InputError
from coldbench.core.storage import Place
from coldbench.report.analysis.contents import contents
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.measured import measure
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures.gallery import pictures
from coldbench.report.figures.picture import write_pictures
from coldbench.report.state import is_current, keep, state
from coldbench.report.writers import files, page
from coldbench.runs.folder import Folder


@dataclass(frozen=True)
class Report:
    """The files of a run's report.

    Attributes:
        path: The report in Markdown; index.html, the LaTeX and CSV tables and the figures lie beside it.
        summary: The tables, for a terminal.
    """

    path: Place
    summary: str


def write_report(out: Path, options: ReportOptions | None = None, name: str | None = None) -> Report:
    """Writes ``report/`` in a run's folder, unless it is there and nothing that it is made from has changed since.

    Args:
        out: The run's folder.
        options: The metric, the reference and the level; None for AUC, against the best method, at 0.05.
        name: The title of the page; None for the folder's name.

    Raises:
        InputError: The folder holds no run or no finished cell, the options do not suit it, or it cannot be written.
    """
    options, name, folder = options or ReportOptions(), name or out.resolve().name, out / "report"
    wanted = state(out, options, name)
    if is_current(folder, wanted):
        return Report(folder / "report.md", (folder / files.SUMMARY).read_text())
    findings = find(measure(out, options))
    drawn, undrawn = pictures(Folder(out), findings)
    findings = replace(findings, notes=[*findings.notes, *undrawn])
    tables = contents(findings)
    written = files.files(findings, tables)
    latex = {file: content for file, content in written.items() if file.endswith(".tex") and file != files.DOCUMENT}
    written["index.html"] = page.render(name, findings, tables, drawn, latex)
    try:
        figures = write_pictures(folder / "figures", drawn)
        for file, content in written.items():
            write_text(folder / file, content)
        keep(folder, wanted, [*written, *(f"figures/{figure}" for figure in figures)])
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from None
    return Report(folder / "report.md", written[files.SUMMARY])
