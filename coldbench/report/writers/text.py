"""Findings -> the report's text files: Markdown, LaTeX and CSV."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from coldbench.report.analysis import across, protocols
from coldbench.report.analysis.entries import closeness, spread
from coldbench.report.analysis.findings import Findings
from coldbench.report.analysis.frame import CELL
from coldbench.report.writers import appendix, latex, tables
from coldbench.report.writers.tables import Told

TESTS = ["dataset", "protocol", "backbone", "phase", "metric", "test", "unit", "reference", "method", "seeds"]
TESTS += ["difference", "low", "high", "p", "p_holm", "p_bh", "verdict", "note"]
DOCUMENT = "tables.tex"  # a page that inputs the others


def files(found: Findings) -> dict[str, str]:
    """Name -> content: report.md; table1, table2 and tests in Markdown and LaTeX, tables.tex to see them; CSV."""
    one, two, tests = list(_first(found)), list(_second(found)), list(_tests(found))
    spreads = [spread(s.block, found.question, dataset=s.dataset, protocol=s.protocol) for s in found.sections]
    written = {
        "table1.md": "\n".join(one),
        "table2.md": "\n".join(two),
        "tests.md": "\n".join(tests),
        **_latex(found),
        "tables.csv": pd.concat(spreads).to_csv(index=False),
        "tests.csv": found.tests.reindex(columns=TESTS).to_csv(index=False),
    }
    return written | {"report.md": _page(found, one, two, tests)}


def summary(found: Findings) -> str:
    """Table 1, for a terminal."""
    return "\n".join(_first(found))


def beside(found: Findings) -> Iterator[tuple[str, list[Told]]]:
    """What compares several protocols, and several datasets and backbones: a heading and what stands under it."""
    for dataset, part in found.frame.groupby("dataset", sort=False):
        if told := protocols.told(part, found.question):
            yield f"Protocols beside each other: {dataset}", told
    for protocol, part in found.frame.groupby("protocol", sort=False):
        if told := across.told(part, found.question):
            yield f"Across datasets and backbones, protocol {protocol}", told


def _first(found: Findings) -> Iterator[str]:
    for section in found.sections:
        notes = " ".join(tables.legend(section.block, found.question))
        yield f"### {section.title}\n\n{tables.table_one(section.block)}\n\n{notes}\n"
        beside = tables.against_paper(section.block)
        if beside:
            close = closeness(section.first)
            yield f"#### {section.title}: the paper's AUC (ours minus it)\n\n{beside}\n\n{close}\n"


def _second(found: Findings) -> Iterator[str]:
    for section in found.sections:
        table = tables.table_two(section.pair, found.question)
        if table:
            notes = " ".join(tables.legend(section.pair, found.question))
            beside = f"\n\n{closeness(section.pair)}" if tables.against_paper(section.pair) else ""
            yield f"### {section.title}\n\n{table}\n\n{notes}{beside}\n"


def _tests(found: Findings) -> Iterator[str]:
    for section in found.sections:
        wide = appendix.wide(section.tests, found.question)
        if len(wide):
            rows = [[str(value) for value in row] for row in wide.itertuples(index=False, name=None)]
            notes = "\n".join(f"- {note}" for note in appendix.legend(section.tests, found.question))
            yield f"### {section.title}\n\n{tables.markdown(rows, list(wide.columns))}\n\n{notes}\n"


def _latex(found: Findings) -> dict[str, str]:
    parts: dict[str, list[str]] = {"table1": [], "table2": [], "tests": []}
    question = found.question
    for section in found.sections:
        notes = tables.legend(section.block, question)
        caption = f"{question.title} by phase: {section.title}."
        parts["table1"].append(latex.table_one(section.block, caption, notes))
        caption = f"{question.title} and what a method adds to it, by backbone: {section.title}."
        notes = tables.legend(section.pair, question) if section.pair else []
        parts["table2"].append(latex.table_two(section.pair, question, caption, notes))
        wide = appendix.wide(section.tests, question)
        if len(wide):
            caption = f"All tests of {question.title}: {section.title}."
            parts["tests"].append(latex.appendix(wide, caption, appendix.legend(section.tests, question)))
    written = {f"{name}.tex": latex.PACKAGES + "\n".join(part) for name, part in parts.items() if any(part)}
    return written | {DOCUMENT: latex.document([name.removesuffix(".tex") for name in written])}


def _page(found: Findings, one: list[str], two: list[str], tests: list[str]) -> str:
    frame = found.frame
    cells = len(frame[list(CELL)].drop_duplicates())
    parts = ["# coldbench report\n", f"{cells} cells: methods {_listed(frame, 'method')}; "]
    parts[-1] += f"backbones {_listed(frame, 'backbone')}; seeds {_listed(frame, 'seed')}.\n"
    parts += ["## Table 1: methods by phase\n", *one]
    if two:
        parts += ["## Table 2: what a method adds to each backbone\n", *two]
    for title, told in beside(found):
        parts += [f"## {title}\n", *(each.markdown() for each in told)]
    if tests:
        parts += ["## Appendix: all tests\n", *tests]
    parts += ["## What was run\n", *_data(found), *_software(found)]
    if found.notes:
        parts += ["## Notes\n", *(f"- {note}" for note in found.notes), ""]
    return "\n".join(parts)


def _listed(frame: pd.DataFrame, column: str) -> str:
    return ", ".join(str(value) for value in frame[column].unique())


def _data(found: Findings) -> list[str]:
    lines = {}
    for record in found.records:
        split = record["split"]
        parts = ", ".join(f"{name} {split[name]:,}" for name in split)
        lines[record["fingerprint"], parts] = (
            f"- {record['dataset_label']}: {parts}; fingerprint `{record['fingerprint'][:16]}`"
        )
    return [*lines.values(), ""]


def _software(found: Findings) -> list[str]:
    lines = {
        f"- {', '.join(f'{name} {number}' for name, number in record['provenance']['versions'].items())}; "
        f"commit {record['provenance']['commit'] or 'unknown'}; {record['provenance']['machine']['processor']}"
        for record in found.records
    }
    return [*sorted(lines), ""]
