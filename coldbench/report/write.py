"""A run's folder -> its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from coldbench.errors import InputError
from coldbench.records import Folder, Record, write_text
from coldbench.report import tables
from coldbench.report.frame import CELL, tidy
from coldbench.storage import Place


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        path: The report in Markdown; the LaTeX and CSV tables lie beside it.
        summary: The tables, for a terminal.
    """

    path: Place
    summary: str


def write_report(out: Path) -> Report:
    """Writes ``report/`` in a run's folder: report.md, table1 and table2 as .md and .tex, tables.csv.

    Raises:
        InputError: The folder holds no run or no finished cell, or cannot be written.
    """
    records, broken = Folder(out).records()
    frame, notes = tidy(records)
    if frame.empty:
        raise InputError(f"{out} holds no finished cell yet; run coldbench run --out {out}")
    notes += [f"cells/{name} is no valid record (cut off or edited); run the same command again." for name in broken]
    notes += [f"failed in the latest run: {cell}: {reason}" for cell, reason in Folder(out).failures().items()]
    sections: dict[str, list[str]] = {"1": [], "2": []}
    latex: dict[str, list[str]] = {"1": [], "2": []}
    data = []
    for (dataset, protocol), part in frame.groupby(["dataset", "protocol"], sort=False):
        first, second = (tables.entries(part, number) for number in (1, 2))
        # the paper's Table 2 has backbones that its Table 1 has not
        block = {key: entry if entry.published is not None else second[key] for key, entry in first.items()}
        title = f"{dataset}, protocol {protocol}"
        sections["1"].append(f"### {title}\n\n{tables.table_one(block, 'markdown')}\n\n{tables.legend(block)}\n")
        beside = tables.against_paper(block)
        if beside:
            sections["1"].append(
                f"#### {title}: the paper's AUC (ours minus it)\n\n{beside}\n\n{tables.closeness(first)}\n"
            )
        latex["1"].append(f"% {title}\n{tables.table_one(block, 'latex')}")
        two, subject = tables.table_two(second, "markdown"), tables.subject_only(second)
        if two:
            beside = f"\n\n{tables.closeness(subject)}" if tables.against_paper(subject) else ""
            sections["2"].append(f"### {title}\n\n{two}{beside}\n")
            latex["2"].append(f"% {title}\n{tables.table_two(second, 'latex')}")
        data.append(tables.tidy_csv(block, dataset=str(dataset), protocol=str(protocol)))
    folder = out / "report"
    summary = "\n".join(sections["1"])
    try:
        for number in ("1", "2"):
            write_text(folder / f"table{number}.md", "\n".join(sections[number]))
            write_text(folder / f"table{number}.tex", "\n".join(latex[number]))
        write_text(folder / "tables.csv", pd.concat(data).to_csv(index=False))
        write_text(folder / "report.md", _page(records, frame, sections, notes))
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror})") from None
    return Report(folder / "report.md", summary)


def _page(records: Sequence[Record], frame: pd.DataFrame, sections: dict[str, list[str]], notes: Sequence[str]) -> str:
    cells = len(frame[list(CELL)].drop_duplicates())
    parts = ["# coldbench report\n", f"{cells} cells: methods {_listed(frame, 'method')}; "]
    parts[-1] += f"backbones {_listed(frame, 'backbone')}; seeds {_listed(frame, 'seed')}.\n"
    parts += ["## Table 1: methods by phase\n", *sections["1"]]
    if sections["2"]:
        parts += ["## Table 2: what a method adds to each backbone\n", *sections["2"]]
    parts += ["## What was run\n", *_data(records), *_software(records)]
    if notes:
        parts += ["## Notes\n", *(f"- {note}" for note in notes), ""]
    return "\n".join(parts)


def _listed(frame: pd.DataFrame, column: str) -> str:
    return ", ".join(str(value) for value in frame[column].unique())


def _data(records: Sequence[Record]) -> list[str]:
    lines = {}
    for record in records:
        split = record["split"]
        parts = ", ".join(f"{name} {split[name]:,}" for name in split)
        lines[record["fingerprint"], parts] = (
            f"- {record['dataset_label']}: {parts}; fingerprint `{record['fingerprint'][:16]}`"
        )
    return [*lines.values(), ""]


def _software(records: Sequence[Record]) -> list[str]:
    lines = {
        f"- {', '.join(f'{name} {number}' for name, number in record['provenance']['versions'].items())}; "
        f"commit {record['provenance']['commit'] or 'unknown'}; {record['provenance']['machine']['processor']}"
        for record in records
    }
    return [*sorted(lines), ""]
