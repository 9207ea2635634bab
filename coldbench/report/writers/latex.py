"""Entries and tests -> LaTeX: floats over both columns of a page, shrunk where they are too wide."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from coldbench.report.analysis.entries import BETTER, SIMILAR, WORSE, Block, Entry, axes
from coldbench.report.analysis.names import BASELINE
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.writers.tables import improvements

PACKAGES = "% needs \\usepackage{booktabs} and \\usepackage{graphicx}\n"
_MARKS = {WORSE: "*", SIMILAR: "\\approx", BETTER: "+"}
_ROWS = 42  # of a float that fits a page
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
_SPECIAL |= {">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "≈": r"$\approx$", "†": r"$\dagger$"}
_SPECIAL |= {'"': "''"}

Rows = list[list[str]]


def show(entry: Entry | None) -> str:
    """The mean, half its interval in small type, and the mark."""
    if entry is None:
        return ""
    text = f"\\textbf{{{entry.mean:.4f}}}" if entry.best else f"{entry.mean:.4f}"
    if entry.seeds > 1:
        text += f"{{\\scriptsize$\\,\\pm\\,${entry.half:.4f}}}"
    mark = _MARKS.get(entry.mark, "\\dagger" if entry.reference and not entry.best else "")
    return text + (f"\\rlap{{$^{{{mark}}}$}}" if mark else "")  # digits stay below each other


def table_one(block: Block, caption: str, notes: Sequence[str]) -> str:
    """Methods x phases, a group of rows a backbone."""
    backbones, methods, phases = axes(block)
    groups = [
        [
            [method, *(show(block.get((backbone, method, phase))) for phase in phases)]
            for method in methods
            if any((backbone, method, phase) in block for phase in phases)
        ]
        for backbone in backbones
    ]
    return "\n".join(
        _floats(["backbone", "method", *phases], list(zip(backbones, groups, strict=True)), caption, notes)
    )


def table_two(block: Block, options: ReportOptions, caption: str, notes: Sequence[str]) -> str:
    """Backbones x {base, method} with the improvement in percent; empty without a baseline to compare with."""
    _, _, phases = axes(block)
    groups = []
    for backbone, method, gains in improvements(block, options):
        rows = [[name, *(show(block.get((backbone, name, phase))) for phase in phases)] for name in (BASELINE, method)]
        groups.append((backbone, [*rows, ["improve", *(f"{gain:+.2f}\\%" for gain in gains)]]))
    return "\n".join(_floats(["backbone", "method", *phases], groups, caption, notes)) if groups else ""


def appendix(wide: pd.DataFrame, caption: str, notes: Sequence[str]) -> str:
    """All tests, a line a comparison."""
    texts = wide.astype(str)
    texts[texts.columns[2:]] = texts[texts.columns[2:]].map(escape)
    groups = [(str(name), part.iloc[:, 1:].to_numpy().tolist()) for name, part in texts.groupby("backbone", sort=False)]
    return "\\clearpage\n".join([*_floats(list(wide.columns), groups, caption, notes), ""])


def document(parts: Sequence[str]) -> str:
    """A page in two columns that inputs files, to see the tables as they will stand."""
    inputs = "\n".join(f"\\input{{{part}}}\n\\clearpage" for part in parts)
    return (
        "\\documentclass[twocolumn]{article}\n\\usepackage{booktabs}\n\\usepackage{graphicx}\n"
        f"\\begin{{document}}\n{inputs}\n\\end{{document}}\n"
    )


def escape(text: str) -> str:
    """Plain text for LaTeX; a letter beyond Latin is given by its number, since not every font has it."""
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", "".join(_letter(letter) for letter in text))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter in "&%$#_{}":
        return f"\\{letter}"
    return letter if " " <= letter <= "~" or "À" <= letter <= "ž" else f"U+{ord(letter):04X}"


def _floats(
    header: Sequence[str], groups: Sequence[tuple[str, Rows]], caption: str, notes: Sequence[str]
) -> Iterator[str]:
    """Floats of at most a page; the groups of rows stay together where they can."""
    pages: list[list[tuple[str, Rows]]] = [[]]
    for name, rows in groups:
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            if pages[-1] and sum(len(group) for _, group in pages[-1]) + len(part) > _ROWS:
                pages.append([])
            pages[-1].append((name, part))
    for number, page in enumerate(pages):
        more = f" ({number + 1} of {len(pages)})" if len(pages) > 1 else ""
        yield _float(header, page, caption + more, notes if number == len(pages) - 1 else ())


def _float(header: Sequence[str], groups: Sequence[tuple[str, Rows]], caption: str, notes: Sequence[str]) -> str:
    columns = "ll" + "r" * (len(header) - 2)
    lines = ["\\begin{table*}", "\\centering", "\\small", f"\\caption{{{escape(caption)}}}", "\\smallskip"]
    lines += [
        "\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%",
        f"\\begin{{tabular}}{{{columns}}}",
    ]
    lines += ["\\toprule", " & ".join(escape(name) for name in header) + r" \\"]
    for name, rows in groups:
        lines.append("\\midrule")
        firsts = [escape(name), *[""] * (len(rows) - 1)]
        lines += [" & ".join([first, *_plain(row)]) + r" \\" for first, row in zip(firsts, rows, strict=True)]
    lines += ["\\bottomrule", "\\end{tabular}}"]
    if notes:
        text = escape(" ".join(notes))
        lines.append(f"\\par\\smallskip\\parbox{{\\textwidth}}{{\\footnotesize {text}}}")
    return "\n".join([*lines, "\\end{table*}", ""])


def _plain(row: Sequence[str]) -> list[str]:
    return [escape(row[0]), *row[1:]]
