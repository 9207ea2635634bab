"""The tables that the study's reading quotes, over all parts that have been run.

They are made from the scores that each part leaves in results/study, not from its run, so that parts of different
machines stand in one table. results/study/DESIGN.md says which question each table answers.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from study_figure import forest
from tabulate import tabulate

import coldbench
from coldbench.significance import BETTER, EQUAL, MARGIN, UNDECIDED, WORSE, holm, paired_t
from coldbench.significance import verdict as verdict_of

TUNED = "[tuned]"
REFERENCE = "base" + TUNED
WINDOWS = {"at cold": (0, 0), "at 1 to 5": (1, 5), "at 20 and more": (20, 60)}  # interactions per new item
AFTER_COLD = 1, 60
MARKS = {BETTER: "+", EQUAL: "=", UNDECIDED: "", WORSE: "-"}
SCORES = "scores.csv"  # of a part: a row per cell and phase, with the columns KEPT
KEPT = ["dataset_name", "fingerprint", "backbone", "method", "seed", "budget", "shots", "auc", "cpu_seconds"]
CELL = ["log", "backbone", "method", "seed"]
DRAWS = 2_000
LEVEL = 0.05
NONE = "No part that asks this has been run so far."
_VARIED = re.compile(r"^([^,[]+)\[[^]]*\]")  # a log described by more or less than its fields; a split has a comma
_SIZES, _EMPTY = re.compile(r"(?<=[\[,])[nk]=\d+,?|,[nk]=\d+(?=\])"), re.compile(r",(?=\])|\[\]")


HEADS = {
    "gains": f"""# What each tuned method adds to base[tuned]

AUC under `strict`, mean over the named numbers of interactions per new item, ± half the 95 % interval over seeds.
Marks: + better, - worse (paired t, Holm per column), = practically equal (margin {MARGIN}); doubled where the interval
lies beyond the margin as a whole. "How often" counts the pairs of log and backbone by mark, in brackets those beyond
the margin.""",
    "budgets": f"""# What each tuned method adds to base[tuned] at equal steps

AUC under `matched`, mean of warm-a to warm-c, ± half the 95 % interval over seeds. A budget is in epochs of base per
phase, and each method is tuned for it. Marks as in [gains.md](gains.md); the margin is {MARGIN}.""",
    "vectors": f"""# What item IDs, fields, and vectors of titles give

AUC under `strict`: of base[tuned], and what each tuned method adds to it with the same descriptions of items. Plain
names are the logs with their fields. Numbers and marks as in [gains.md](gains.md); the margin is {MARGIN}.""",
    "ranks": f"""# Does the ranking carry?

Spearman's correlation of the tuned methods' mean AUC, with a 95 % interval of {DRAWS:,} draws of the seeds that all
methods have. Pairs share their log or their backbone.""",
    "cost": """# What each tuned method costs

Processor seconds per cell, mean over seeds: `fit`, plus the training of all phases by shots. Evaluation and pretraining
are left out.""",
    "consists": """# What the gains at the defaults consist of

AUC under `strict`, mean over 1 to 60 interactions. Gain: of a method over base, both at their defaults. Share: how much
of that gain base has by the choice of its step size alone.""",
}


def measured(folder: Path) -> pd.DataFrame:
    """What the cells of a run measured: a row per cell and phase, with the columns ``KEPT``.

    Cells by shots have no budget.
    """
    return coldbench.load(folder).frame[KEPT]


def by_shots(frame: pd.DataFrame) -> pd.DataFrame:
    """The measurements by shots, without those at equal steps."""
    return frame[frame["budget"].isna()]


def too_wide(frame: pd.DataFrame, seeds: int) -> list[str]:
    """The methods of a part whose tuned values need more than the first ``seeds`` seeds.

    Those whose difference to the reference, in the mean of the phases after cold, has a half interval above the margin
    on any log and backbone.
    """
    first = by_shots(frame[frame["seed"] < seeds])
    tests = differences(first.assign(log=first["dataset_name"]), AFTER_COLD)
    return [name.removesuffix(TUNED) for name in tests.loc[tests["half"] > MARGIN, "method"].unique()]


def write_tables(parts: Iterable[str], target: Path) -> None:
    """Writes gains.svg and a page per entry of ``HEADS`` from the scores in ``target/PART``."""
    kept = [target / part / SCORES for part in parts]
    found = [pd.read_csv(file) for file in kept if file.exists()]
    if not found:
        return
    # parts may share base
    frame = named(pd.concat(found, ignore_index=True)).drop_duplicates([*CELL, "budget", "shots"])
    shots = by_shots(frame)
    every = {name: differences(shots, bounds) for name, bounds in WINDOWS.items()}
    equal = {f"budget {budget:g}": differences(own, AFTER_COLD) for budget, own in frame.groupby("budget")}
    tests = {name: own[~varied(own)] for name, own in every.items()}
    plain = shots[~varied(shots)]
    pages = {
        "gains": compared(tests),
        "budgets": compared(equal) if equal else NONE,
        "vectors": under_headings({name: gains(variants(own)) for name, own in every.items()}),
        "ranks": ranks(plain),
        "cost": cost(plain),
        "consists": consists(plain),
    }
    (target / "gains.svg").write_bytes(forest(tests).files["svg"])
    for name, text in pages.items():
        (target / f"{name}.md").write_text(f"{HEADS[name]}\n\n{text}\n")


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """The measurements of several parts with a column ``log``: the dataset with its fields and its split.

    N and K are left out, since a tuned cell spells them out and one at its defaults does not.
    """
    return frame.assign(log=frame["dataset_name"].map(lambda name: _EMPTY.sub("", _SIZES.sub("", name))))


def window(frame: pd.DataFrame, bounds: tuple[int, int]) -> pd.Series:
    """The mean AUC per cell (``CELL``) over phases with a number of interactions within the bounds."""
    return frame[frame["shots"].between(*bounds)].groupby(CELL, sort=False)["auc"].mean()


def columns(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The pairs of log and backbone, in order of appearance."""
    return list(dict.fromkeys(zip(frame["log"], frame["backbone"], strict=True)))


def scores(values: pd.Series, log: str, backbone: str) -> pd.DataFrame:
    """(seeds, methods) AUC of the tuned methods on one log and backbone."""
    table = values.xs((log, backbone), level=("log", "backbone")).unstack("method")
    return table[[name for name in table if name.endswith(TUNED)]]


def differences(frame: pd.DataFrame, bounds: tuple[int, int]) -> pd.DataFrame:
    """The tests of every tuned method against the reference, on each log and backbone.

    Returns:
        A row per log, backbone and method with columns log, backbone, method, reference (its mean AUC), difference,
        half (of the 95 % interval) and verdict (Holm over the methods on one log and backbone).
    """
    values, rows = window(frame, bounds), []
    for log, backbone in columns(frame[frame["shots"].between(*bounds)]):
        table = scores(values, log, backbone)
        if REFERENCE not in table:
            continue
        reference = table[REFERENCE].to_numpy()
        tests = {name: paired_t(table[name].to_numpy(), reference) for name in table if name != REFERENCE}
        adjusted = holm(np.array([np.nan if test.p_value is None else test.p_value for test in tests.values()]))
        for (name, test), p_value in zip(tests.items(), adjusted, strict=True):
            judged = verdict_of(table[name].to_numpy(), reference, None if np.isnan(p_value) else p_value)
            half = (test.interval[1] - test.interval[0]) / 2
            rows.append((log, backbone, name, reference.mean(), test.difference, half, judged))
    return pd.DataFrame(rows, columns=["log", "backbone", "method", "reference", "difference", "half", "verdict"])


def compared(tests: Mapping[str, pd.DataFrame]) -> str:
    """``how_often`` and the ``gains`` of each test, under headings."""
    return under_headings({"How often": how_often(tests)} | {name: gains(own) for name, own in tests.items()})


def under_headings(tables: Mapping[str, str]) -> str:
    """Tables, each under its heading."""
    return "\n\n".join(f"## {name}\n\n{table}" for name, table in tables.items())


def varied(frame: pd.DataFrame) -> pd.Series:
    """Which rows are of a log with other descriptions of its items than its fields."""
    return frame["log"].str.match(_VARIED)


def variants(tests: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``differences`` on logs of which there are variants, beside those of the variants.

    Only for the methods and backbones of the variants; a log stands before its variants.
    """
    found = tests[varied(tests)]
    own = found["log"].str.replace(_VARIED, r"\1", regex=True)
    both = pd.concat([found, tests[tests["log"].isin(own)]])
    both = both[both["method"].isin(found["method"]) & both["backbone"].isin(found["backbone"])]
    return both.sort_values("log", kind="stable")


def gains(tests: pd.DataFrame) -> str:
    """``differences`` as a table: a row per method, a column per log and backbone."""
    cells: dict[str, dict[str, str]] = {}
    for row in tests.assign(far=beyond(tests)).itertuples():
        head = f"{row.log}, {row.backbone}"
        text = f"{row.difference:+.4f} ± {row.half:.4f} {MARKS.get(str(row.verdict), '') * (1 + row.far)}"
        cells.setdefault(REFERENCE, {})[head] = f"{row.reference:.4f}"
        cells.setdefault(str(row.method), {})[head] = text.strip()
    return markdown(pd.DataFrame.from_dict(cells, orient="index")) if cells else NONE


def how_often(tests: Mapping[str, pd.DataFrame]) -> str:
    """A row per method and one for all: on how many logs and backbones each verdict of ``differences`` was reached.

    Args:
        tests: ``differences`` by the name of their window.
    """
    shown = {}
    for name, own in tests.items():
        if own.empty:
            continue
        methods = pd.concat([own, own.assign(method="all")]).groupby("method", sort=False)
        for verdict, mark in MARKS.items():
            reached = {method: each[each["verdict"] == verdict] for method, each in methods}
            shown[f"{name}: {mark or 'neither'}"] = {method: counted(each) for method, each in reached.items()}
    return markdown(pd.DataFrame(shown))


def counted(tests: pd.DataFrame) -> str:
    """How many tests there are, and in brackets how many of them lie beyond the margin."""
    far = beyond(tests).sum()
    return f"{len(tests)}" + (f" ({far})" if far else "")


def beyond(tests: pd.DataFrame) -> pd.Series:
    """Which intervals of ``differences`` lie beyond the margin as a whole, above it or below."""
    return tests["difference"].abs() - tests["half"] > MARGIN


def ranks(frame: pd.DataFrame) -> str:
    """A table with a row per pair of columns of ``gains``: what both share, and the correlation in each window."""
    rows = []
    for (one, first), (other, second) in itertools.combinations(columns(frame), 2):
        if one != other and first != second:
            continue
        row = {"of": f"{one}, {first}", "with": f"{other}, {second}", "same": "log" if one == other else "backbone"}
        for name, bounds in WINDOWS.items():
            values = window(frame, bounds)
            if {one, other} <= set(values.index.get_level_values("log")):
                row[name] = correlation(scores(values, one, first), scores(values, other, second))
        rows.append(row)
    return markdown(pd.DataFrame(rows).set_index("of")) if rows else "Only one log and backbone has been run so far."


def correlation(first: pd.DataFrame, second: pd.DataFrame) -> str:
    """Spearman's correlation of mean scores over the methods that both have, with a percentile interval over seeds."""
    methods = [name for name in first if name in second]
    if len(methods) < 4:
        return ""
    random = np.random.default_rng(0)
    pair = [each[methods].dropna().to_numpy() for each in (first, second)]
    drawn = [each[random.integers(len(each), size=(DRAWS, len(each)))].mean(1) for each in pair]
    low, high = np.nanquantile(spearman(*drawn), [LEVEL / 2, 1 - LEVEL / 2])
    [point] = spearman(*(each.mean(0, keepdims=True) for each in pair))
    return f"{point:.2f} ({low:.2f} to {high:.2f})"


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation of two (draws, methods), row by row."""
    one, other = (pd.DataFrame(each).rank(axis=1) for each in (first, second))
    return one.corrwith(other, axis=1).to_numpy()


def cost(frame: pd.DataFrame) -> str:
    """A table of processor seconds: a row per method, two columns per log and backbone."""
    tuned = frame[frame["method"].str.endswith(TUNED)]
    by = ["method", "log", "backbone"]
    fit = tuned[tuned["shots"] == 0].groupby(by)["cpu_seconds"].mean()
    phases = tuned[tuned["shots"] > 0].groupby([*by, "seed"])["cpu_seconds"].sum().groupby(by).mean()
    both = pd.DataFrame({"fit": fit, "phases": phases}).round(1)
    text = both["fit"].map("{:.1f}".format) + " + " + both["phases"].map("{:.1f}".format)
    table = text.unstack(["log", "backbone"])
    return markdown(table.set_axis([", ".join(pair) for pair in table.columns], axis=1))


def consists(frame: pd.DataFrame) -> str:
    """A table of gains over base at the defaults, and the share of each that base has with its step size tuned."""
    values = window(frame, AFTER_COLD).unstack("method")
    if not {"base", REFERENCE} <= set(values):
        return ""
    paired = values.sub(values["base"], axis=0)  # by seed: some methods have more of them
    added = paired.groupby(["log", "backbone"], sort=False).mean()
    rows = {}
    for name in added:
        if TUNED in name or name == "base":
            continue
        share = (added[REFERENCE] / added[name]).where(added[name] > MARGIN)
        rows[name] = {
            ", ".join(at): f"{gain:+.4f}" + ("" if np.isnan(share[at]) else f", share {share[at]:.0%}")
            for at, gain in added[name].dropna().items()
        }
    return markdown(pd.DataFrame.from_dict(rows, orient="index"))


def markdown(table: pd.DataFrame) -> str:
    """The table in Markdown, with empty cells where there is nothing."""
    return tabulate(table.fillna("").astype(str), headers="keys", tablefmt="pipe", disable_numparse=True)
