"""A tidy frame -> Tables 1 and 2, in Markdown, LaTeX and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tabulate import tabulate

from coldbench.report import paper
from coldbench.report.frame import BASELINE, PHASES, method_order, values
from coldbench.significance import paired_t

ALPHA = 0.05
_WORSE = "*"


@dataclass(frozen=True)
class Entry:
    """One cell of a table.

    Attributes:
        mean: Over seeds.
        deviation: Sample standard deviation over seeds; NaN with one seed.
        seeds: How many.
        best: Whether no method of the column has a higher mean.
        p: Of the paired t-test against the best method; None for the best one and where there is no test.
        published: The paper's number, or None.
    """

    mean: float
    deviation: float
    seeds: int
    best: bool
    p: float | None
    published: float | None

    @property
    def worse(self) -> bool:
        """Whether it is significantly worse than the best."""
        return self.p is not None and self.p < ALPHA

    def markdown(self) -> str:
        """0.7473 ± 0.0011, the best in bold, a star on those significantly worse."""
        text = f"{self.mean:.4f}" + (f" ± {self.deviation:.4f}" if self.seeds > 1 else "")
        return f"**{text}**" if self.best else text + (f" {_WORSE}" if self.worse else "")

    def latex(self) -> str:
        """The same for LaTeX."""
        text = f"{self.mean:.4f}"
        text = f"\\textbf{{{text}}}" if self.best else text
        if self.seeds > 1:
            text += f"{{\\scriptsize$\\pm${self.deviation:.4f}}}"
        return text + ("$^{*}$" if self.worse else "")

    def against_paper(self) -> str:
        """0.7452 (+0.0021): the paper's number and ours minus it."""
        return "" if self.published is None else f"{self.published:.4f} ({self.mean - self.published:+.4f})"


Block = dict[tuple[str, str, str], Entry]  # (backbone, method, phase) -> entry


def entries(frame: pd.DataFrame, table: int, metric: str = "auc") -> Block:
    """All entries of one dataset under one protocol."""
    found: Block = {}
    for (backbone, phase), part in frame.groupby(["backbone", "phase"], sort=False):
        matrix = values(part, metric)
        best = matrix.mean().idxmax()
        for method in matrix.columns:
            pairs = matrix[[best, method]].dropna().to_numpy(float) if method != best else np.empty((0, 2))
            own = matrix[method].dropna()
            published = paper.auc(
                table, part["protocol"].iloc[0], part["dataset_name"].iloc[0], str(backbone), method, str(phase)
            )
            found[str(backbone), method, str(phase)] = Entry(
                mean=float(own.mean()),
                deviation=float(own.std()),
                seeds=len(own),
                best=method == best,
                p=paired_t(pairs[:, 0], pairs[:, 1]).p_value,
                published=published if metric == "auc" else None,
            )
    return found


def table_one(block: Block, form: str) -> str:
    """Methods x phases, the backbones one below the other in Markdown and side by side in LaTeX."""
    backbones, methods, phases = _axes(block)
    if form == "latex":
        header = _latex_groups(backbones, phases)
        rows = [
            [_tex(method), *(_show(block, (b, method, p), "latex") for b in backbones for p in phases)]
            for method in methods
        ]
        return _latex(header, rows, 1 + len(backbones) * len(phases))
    rows = [
        [backbone, method, *(_show(block, (backbone, method, phase), "markdown") for phase in phases)]
        for backbone in backbones
        for method in methods
        if any((backbone, method, phase) in block for phase in phases)
    ]
    return _markdown(rows, ["backbone", "method", *phases])


def against_paper(block: Block) -> str:
    """The paper's numbers with ours minus theirs, in Markdown; empty where the paper has none."""
    backbones, methods, phases = _axes(block)
    rows = [
        [backbone, method, *(block[backbone, method, phase].against_paper() for phase in phases)]
        for backbone in backbones
        for method in methods
        if any((entry := block.get((backbone, method, phase))) and entry.published is not None for phase in phases)
    ]
    shown = [place for place, _ in enumerate(phases) if any(row[2 + place] for row in rows)]
    rows = [[*row[:2], *(row[2 + place] for place in shown)] for row in rows]
    return _markdown(rows, ["backbone", "method", *(phases[place] for place in shown)]) if rows else ""


def closeness(block: Block, within: float = 0.01) -> str:
    """How many cells lie within a distance of the paper's number, and which do not."""
    gaps = {key: entry.mean - entry.published for key, entry in block.items() if entry.published is not None}
    far = [f"{backbone}/{method}/{phase}" for (backbone, method, phase), gap in gaps.items() if abs(gap) > within]
    rest = f"; not: {', '.join(far)}" if far else ""
    return f"{len(gaps) - len(far)} of {len(gaps)} cells within {within} of the paper{rest}."


def table_two(block: Block, form: str) -> str:
    """Backbones x {base, method} with the improvement in percent; empty without a baseline to compare with.

    The method is the one of the published Table 2 where the run has it, else the one with the highest mean.
    """
    backbones, methods, phases = _axes(block)
    method = _subject(block, methods)
    backbones = [b for b in backbones if all((b, m, phases[-1]) in block for m in (BASELINE, method))]
    if method is None or BASELINE not in methods or not backbones:
        return ""
    rows = []
    for backbone in backbones:
        for name in (BASELINE, method):
            rows.append([backbone, name, *(_show(block, (backbone, name, phase), form) for phase in phases)])
        gains = [block[backbone, method, p].mean / block[backbone, BASELINE, p].mean - 1 for p in phases]
        percent = "\\%" if form == "latex" else "%"
        rows.append([backbone, "improve", *(f"{100 * gain:+.2f}{percent}" for gain in gains)])
    if form == "latex":
        header = " & ".join(["", "", *map(_tex, phases)]) + r" \\"
        shown = [[_tex(row[0]) if row[1] == BASELINE else "", _tex(row[1]), *row[2:]] for row in rows]
        return _latex([header], shown, 2 + len(phases))
    return _markdown(rows, ["backbone", "method", *phases])


def subject_only(block: Block) -> Block:
    """The entries that Table 2 shows: the baseline's and its subject's."""
    shown = (BASELINE, _subject(block, _axes(block)[1]))
    return {key: entry for key, entry in block.items() if key[1] in shown}


def tidy_csv(block: Block, **constant: str) -> pd.DataFrame:
    """One row per entry, for spreadsheets and scripts."""
    return pd.DataFrame(
        {
            **constant,
            "backbone": backbone,
            "method": method,
            "phase": phase,
            "seeds": entry.seeds,
            "mean": entry.mean,
            "standard_deviation": entry.deviation,
            "best": entry.best,
            "p_against_best": entry.p,
            "paper": entry.published,
            "difference": None if entry.published is None else entry.mean - entry.published,
        }
        for (backbone, method, phase), entry in block.items()
    )


def legend(block: Block) -> str:
    """What the marks mean, with the test, its unit and the number of seeds."""
    seeds = sorted({entry.seeds for entry in block.values()})
    count = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    if seeds[-1] < 2:
        return "AUC of one seed: no deviation and no test. **Bold**: the best of its column."
    return (
        f"AUC, mean ± standard deviation over {count} seeds, each with its own pretraining. **Bold**: the best mean. "
        f"{_WORSE}: significantly worse than the best (paired t-test over seeds, p < {ALPHA}, not corrected for the "
        f"number of comparisons); without a mark: not distinguishable from it."
    )


def _subject(block: Block, methods: Sequence[str]) -> str | None:
    """The method that Table 2 sets against the baseline."""
    table = paper.published()
    for method in table.loc[table["table"] == 2, "method"].unique():
        if method != BASELINE and method in methods:
            return str(method)
    means = {m: np.mean([e.mean for (_, name, _), e in block.items() if name == m]) for m in methods if m != BASELINE}
    return max(means, key=lambda m: means[m]) if means else None


def _axes(block: Block) -> tuple[list[str], list[str], list[str]]:
    backbones, methods, phases = (list(dict.fromkeys(key[place] for key in block)) for place in range(3))
    return backbones, sorted(methods, key=method_order), [phase for phase in PHASES if phase in phases]


def _show(block: Block, key: tuple[str, str, str], form: str) -> str:
    entry = block.get(key)
    return "" if entry is None else entry.latex() if form == "latex" else entry.markdown()


def _markdown(rows: Sequence[Sequence[str]], header: Sequence[str]) -> str:
    merged, last = [], None
    for row in rows:
        merged.append(["" if row[0] == last else row[0], *row[1:]])
        last = row[0]
    return tabulate(merged, header, tablefmt="github", disable_numparse=True)


def _latex_groups(backbones: Sequence[str], phases: Sequence[str]) -> list[str]:
    width = len(phases)
    top = " & ".join(["", *(f"\\multicolumn{{{width}}}{{c}}{{{_tex(backbone)}}}" for backbone in backbones)]) + r" \\"
    rules = " ".join(f"\\cmidrule(lr){{{2 + n * width}-{1 + (n + 1) * width}}}" for n in range(len(backbones)))
    return [top, rules, " & ".join(["method", *(list(phases) * len(backbones))]) + r" \\"]


def _latex(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> str:
    lines = [f"\\begin{{tabular}}{{{'l' * (columns > 0)}{'r' * (columns - 1)}}}", r"\toprule", *header, r"\midrule"]
    lines += [" & ".join(row) + r" \\" for row in rows]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _tex(text: str) -> str:
    """Plain text for LaTeX."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(letter, f"\\{letter}" if letter in "&%$#_{}" else letter) for letter in text)
