"""Findings -> the text files of a report: Markdown, LaTeX and CSV."""

from __future__ import annotations

import pandas as pd

from coldbench.report.analysis import facts, words
from coldbench.report.analysis.contents import Contents
from coldbench.report.analysis.entries import spread
from coldbench.report.analysis.findings import Findings
from coldbench.report.writers import latex, markdown
from coldbench.runs.cell import split_label

TESTS = ["dataset", "protocol", "backbone", "phase", "metric", "test", "unit", "reference", "method", "seeds"]
TESTS += ["difference", "low", "high", "p", "p_holm", "p_bh", "verdict", "note"]
SUMMARY = "summary.md"  # what a terminal shows
DOCUMENT = "tables.tex"  # a page that inputs the others


def files(findings: Findings, contents: Contents) -> dict[str, str]:
    """Name -> content: report.md; table1, table2 and tests in Markdown and LaTeX, tables.tex to see them; CSV.

    summary.md is Table 1, or the notes of a run that has no table.
    """
    spreads = [spread(s.block, findings.options, dataset=s.dataset, protocol=s.protocol) for s in findings.sections]
    parts = _markdown(contents)
    return {
        **{f"{name}.md": "\n".join(sections) for name, sections in parts.items() if sections or name != "topn"},
        **_latex(contents),
        "tables.csv": pd.concat(spreads or [pd.DataFrame()]).to_csv(index=False),
        "tests.csv": findings.tests.reindex(columns=TESTS).to_csv(index=False),
        SUMMARY: "\n".join(parts["table1"] or findings.notes),
        "report.md": _report(findings, contents, parts),
    }


def _markdown(contents: Contents) -> dict[str, list[str]]:
    """The sections of each Markdown file of tables."""
    parts: dict[str, list[str]] = {"table1": [], "table2": [], "topn": [], "tests": []}
    for section in contents.sections:
        parts["table1"].append(markdown.section(section.by_phase, section.title))
        for compared in (section.by_shots, section.against_paper, section.papers):
            if compared:
                heading = f"{section.title}: {compared.heading}"
                parts["table1"].append(markdown.section(compared, heading, level=4))
        if section.gains:
            parts["table2"].append(markdown.section(section.gains, section.title))
        if section.topn:
            parts["topn"].append(markdown.section(section.topn, section.title))
        if section.tests:
            parts["tests"].append(markdown.section(section.tests, section.title))
    return parts


def _latex(contents: Contents) -> dict[str, str]:
    sections = contents.sections
    tables = {
        "table1": [each for section in sections for each in (section.by_phase, section.by_shots) if each],
        "table2": [section.gains for section in sections if section.gains],
        "topn": [section.topn for section in sections if section.topn],
        "tests": [section.tests for section in sections if section.tests],
    }
    written = {
        f"{name}.tex": latex.PACKAGES + "\\clearpage\n".join(map(latex.table, own))
        for name, own in tables.items()
        if own
    }
    return written | {DOCUMENT: latex.document([name.removesuffix(".tex") for name in written])}


def _report(findings: Findings, contents: Contents, parts: dict[str, list[str]]) -> str:
    plan = facts.plan(findings)
    lines = ["# coldbench report\n", f"{facts.cells(findings)}: methods {plan['methods']}; "]
    lines[-1] += f"backbones {plan['backbones']}; seeds {plan['seeds']}.\n"
    if told := words.summary(findings):
        lines += ["## In words\n", *(f"- {title}. {line}" for title, said in told for line in said), ""]
    if parts["table1"]:
        lines += ["## Table 1: methods by phase\n", *parts["table1"]]
    if parts["table2"]:
        lines += ["## Table 2: what each method adds to the baseline\n", *parts["table2"]]
    if parts["topn"]:
        lines += ["## Top-N\n", *parts["topn"]]
    for title, tables in contents.comparisons:
        lines += [f"## {title}\n", *map(markdown.section, tables)]
    if parts["tests"]:
        lines += ["## Appendix: all tests\n", *parts["tests"]]
    lines += ["## What was run\n", *_data(findings), "", *_software(findings), ""]
    if findings.notes:
        lines += ["## Notes\n", *(f"- {note}" for note in findings.notes), ""]
    return "\n".join(lines)


def _data(findings: Findings) -> list[str]:
    lines = {}
    for record in findings.records:
        parts = ", ".join(f"{name} {count:,}" for name, count in (facts.split_at(record) | record["split"]).items())
        label = ", ".join(filter(None, [record["dataset_label"], split_label(record)]))
        line = f"- {label}: {parts}; fingerprint `{record['fingerprint'][:16]}`"
        lines[record["fingerprint"], parts] = line
    return list(lines.values())


def _software(findings: Findings) -> list[str]:
    lines = {
        f"- {', '.join(f'{name} {number}' for name, number in record['provenance']['versions'].items())}; "
        f"commit {record['provenance']['commit'] or 'unknown'}; {record['provenance']['machine']['processor']}"
        for record in findings.records
    }
    return sorted(lines)
