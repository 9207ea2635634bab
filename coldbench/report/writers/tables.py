"""Entries -> Tables 1 and 2 and what their marks mean, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate

from coldbench.report.analysis.comparisons import MARKING
from coldbench.report.analysis.entries import BETTER, SIMILAR, WORSE, Block, Entry, axes, subject
from coldbench.report.analysis.names import BASELINE
from coldbench.report.analysis.options import ReportOptions
from coldbench.significance import FEWEST

MARKS = {WORSE: "*", SIMILAR: "≈", BETTER: "+"}


@dataclass(frozen=True)
class Told:
    """A table that is ready to print, with what a report says of it.

    Attributes:
        heading: Above it.
        header: The columns.
        names: How many of them, from the left, name a row.
        rows: As long as the header each.
        legend: Below it: what the numbers are.
        lines: Below that, one by one.
    """

    heading: str
    header: list[str]
    names: int
    rows: list[list[str]]
    legend: str
    lines: list[str]

    def markdown(self) -> str:
        """All of it as a section of the third level."""
        parts = [f"### {self.heading}", markdown(self.rows, self.header), self.legend]
        return "\n\n".join([*parts, *(["\n".join(f"- {line}" for line in self.lines)] if self.lines else [])]) + "\n"


def show(entry: Entry | None) -> str:
    """0.7473 ± 0.0011 *: the mean, half its interval, a mark; the best in bold, a given reference with a dagger."""
    if entry is None:
        return ""
    text = f"{entry.mean:.4f}" + (f" ± {entry.half:.4f}" if entry.seeds > 1 else "")
    text = f"**{text}**" if entry.best else text
    return f"{text} {mark_of(entry)}".rstrip()


def mark_of(entry: Entry) -> str:
    """What stands behind an entry: the verdict of its test, or a dagger on the reference of the others'."""
    return MARKS.get(entry.mark, "†" if entry.reference and not entry.best else "")


def table_one(block: Block) -> str:
    """Methods x phases, the backbones one below the other."""
    backbones, methods, phases = axes(block)
    rows = [
        [backbone, method, *(show(block.get((backbone, method, phase))) for phase in phases)]
        for backbone in backbones
        for method in methods
        if any((backbone, method, phase) in block for phase in phases)
    ]
    return markdown(rows, ["backbone", "method", *phases])


def table_two(block: Block, options: ReportOptions) -> str:
    """Backbones x {base, method} with the improvement in percent; empty without a baseline to compare with."""
    _, _, phases = axes(block)
    rows: list[list[str]] = []
    for backbone, method, gains in improvements(block, options):
        for name in (BASELINE, method):
            rows.append([backbone, name, *(show(block.get((backbone, name, phase))) for phase in phases)])
        rows.append([backbone, "improve", *(f"{gain:+.2f}%" for gain in gains)])
    return markdown(rows, ["backbone", "method", *phases]) if rows else ""


def improvements(block: Block, options: ReportOptions) -> list[tuple[str, str, list[float]]]:
    """Per backbone the method of Table 2 and by how many percent it is better than the baseline, phase by phase."""
    backbones, _, phases = axes(block)
    method, sign = subject(block, options), 1 if options.higher_is_better else -1
    if method is None:
        return []
    return [
        (
            backbone,
            method,
            [100 * sign * (block[backbone, method, p].mean / block[backbone, BASELINE, p].mean - 1) for p in phases],
        )
        for backbone in backbones
        if all((backbone, name, phase) in block for name in (BASELINE, method) for phase in phases)
    ]


def against_paper(block: Block) -> str:
    """The paper's numbers with ours minus theirs; empty where the paper has none."""
    backbones, methods, phases = axes(block)
    shown = [phase for phase in phases if any(e.published is not None for (_, _, p), e in block.items() if p == phase)]
    rows = [
        [backbone, method, *(entry.against_paper() if entry else "" for entry in found)]
        for backbone in backbones
        for method in methods
        if any(found := [block.get((backbone, method, phase)) for phase in shown])
        and any(entry and entry.published is not None for entry in found)
    ]
    return markdown(rows, ["backbone", "method", *shown]) if rows else ""


def legend(block: Block, options: ReportOptions) -> list[str]:
    """What numbers and marks mean: metric, test, unit, correction and number of seeds, a sentence each.

    Returns:
        Sentences in plain words; marks are named by what ``MARKS`` shows for them.
    """
    counts = sorted({entry.seeds for entry in block.values()})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    better = "higher" if options.higher_is_better else "lower"
    level = f"{100 * (1 - options.alpha):g} %"
    if counts[-1] < 2:
        return [f"{options.title} ({better} is better) of one seed: no interval, no test and so no mark; {_needs()}"]
    lines = [
        f"{options.title} ({better} is better), mean ± half the {level} interval (Student's t) over {seeds} seeds, "
        f"each with its own pretraining."
    ]
    if not any(entry.mark for entry in block.values()):
        return [*lines, f"There is no test and so no mark; {_needs()}"]
    if options.reference is None:
        against = "the best one"
        family = "all pairs of methods with the same backbone and phase, since the best is picked by looking"
        lines.append("Bold: the best mean of a backbone and phase.")
    else:
        against = f"{options.reference} (†)"
        family = "the comparisons with the same backbone and phase"
        lines.append(
            f"Bold: the best mean of a backbone and phase. {MARKS[BETTER]}: significantly better than {against}."
        )
    lines.append(
        f"{MARKS[WORSE]}: significantly worse than {against}; {MARKS[SIMILAR]}: not distinguishable from it. Test: "
        f"{MARKING}-test, two-sided at {options.alpha:g}; unit: the seed; correction: Holm over {family}."
    )
    if counts[0] < FEWEST:
        lines.append(f"Without a mark: fewer than {FEWEST} seeds in common with it, too few for a test.")
    return lines


def _needs() -> str:
    return f"the paired t-test needs {FEWEST} seeds, an exact Wilcoxon test 6 (coldbench run --seeds 6)."


def markdown(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    """A table in GitHub's Markdown; a row that starts as the one above leaves that out, pipes in names are escaped."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    for number in range(len(lines) - 1, 0, -1):
        if lines[number][0] == lines[number - 1][0]:
            lines[number][0] = ""
    return tabulate(lines, list(headers), tablefmt="github", disable_numparse=True)
