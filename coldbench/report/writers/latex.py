"""Tables -> LaTeX: floats over both columns of a page, shrunk where they are too wide."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from coldbench.report.analysis.names import slug
from coldbench.report.analysis.table import Cell, Table

PACKAGES = "% needs \\usepackage{booktabs} and \\usepackage{graphicx}\n"
_SIGNS = {"≈": r"\approx", "†": r"\dagger"}  # the marks that are commands in LaTeX
_ROWS = 42  # of a float that fits a page
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}"}
_SPECIAL |= {">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", '"': "''", "²": r"$^{2}$"}
_SPECIAL |= {sign: f"${command}$" for sign, command in _SIGNS.items()}

_Group = tuple[str, list[Sequence[Cell]]]  # what the rows' first column says, and the rows


def table(own: Table) -> str:
    """A table as floats of at most a page each; rows with the same first name stay together where they can."""
    pages: list[list[_Group]] = [[]]
    for name, group in itertools.groupby(own.rows, key=lambda row: row[0].text):
        rows = list(group)
        for start in range(0, len(rows), _ROWS):
            part = rows[start : start + _ROWS]
            if pages[-1] and sum(len(others) for _, others in pages[-1]) + len(part) > _ROWS:
                pages.append([])
            pages[-1].append((name, part))
    end = "\\clearpage\n" if len(pages) > 1 else ""  # TeX keeps only a few floats in memory
    return "\n".join(f"{each}{end}" for each in _floats(own, pages))


def document(parts: Sequence[str]) -> str:
    """A page in two columns that inputs files, to see the tables as a paper would show them."""
    inputs = "\n".join(f"\\input{{{part}}}\n\\clearpage" for part in parts)
    return (
        "\\documentclass[twocolumn]{article}\n\\usepackage{booktabs}\n\\usepackage{graphicx}\n"
        f"\\begin{{document}}\n{inputs}\n\\end{{document}}\n"
    )


def show(cell: Cell, stacked: bool = False) -> str:
    """The text, in bold where it is the best, its detail in small type, and the mark where it moves no digit."""
    text = escape(cell.text)
    text = f"\\textbf{{{text}}}" if cell.best else text
    if cell.beside:
        detail = escape(f"({cell.beside})" if stacked else cell.beside).replace(" ", "\\,")
        text += f"{{\\scriptsize\\,{detail}}}"
    return text + (f"\\rlap{{$^{{{_SIGNS.get(cell.sign, cell.sign)}}}$}}" if cell.sign else "")


def escape(text: str) -> str:
    """Plain text for LaTeX; a letter beyond Latin is given by its number, since not every font has it."""
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", "".join(_letter(letter) for letter in text))


def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter in "&%$#_{}":
        return f"\\{letter}"
    return letter if " " <= letter <= "~" or "À" <= letter <= "ž" else f"U+{ord(letter):04X}"


def _floats(own: Table, pages: Sequence[Sequence[_Group]]) -> Iterator[str]:
    notes = " ".join([own.legend, *own.lines]).strip()
    for number, groups in enumerate(pages):
        caption = escape(own.caption or own.heading) + (" (continued)" if number else "")
        label = "" if number or not own.label else f"\\label{{tab:{slug(own.label)}}}"
        yield _float(own, groups, f"\\caption{{{caption}}}{label}", notes if number == len(pages) - 1 else "")


def _float(own: Table, groups: Sequence[_Group], caption: str, notes: str) -> str:
    lines = ["\\begin{table*}", "\\centering", "\\small", caption, "\\smallskip"]
    lines += ["\\resizebox{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}{!}{%"]
    lines += [f"\\begin{{tabular}}{{{'l' * own.names}{'r' * (len(own.header) - own.names)}}}", "\\toprule"]
    lines.append(" & ".join(escape(name) for name in own.header) + r" \\")
    for name, rows in groups:
        lines.append("\\midrule")
        firsts = [escape(name), *[""] * (len(rows) - 1)]
        for first, row in zip(firsts, rows, strict=True):
            lines.append(" & ".join([first, *(show(cell, own.stacked) for cell in row[1:])]) + r" \\")
    lines += ["\\bottomrule", "\\end{tabular}}"]
    if notes:
        lines.append(f"\\par\\smallskip\\parbox{{\\textwidth}}{{\\footnotesize {escape(notes)}}}")
    return "\n".join([*lines, "\\end{table*}", ""])
