"""What the numbers and marks of a table mean: metric, test, unit, correction and number of seeds."""

from __future__ import annotations

from coldbench.report.analysis.comparisons import MARKING
from coldbench.report.analysis.entries import Block
from coldbench.report.analysis.names import BASELINE
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.table import MARKS, REFERENCE
from coldbench.report.analysis.titles import UNTITLED, Titles, title_of
from coldbench.significance import BETTER, EQUAL, FEWEST, UNDECIDED, WORSE

_NEEDS = f"the paired t-test needs {FEWEST} seeds, an exact Wilcoxon test 6 (coldbench run --seeds 6)."


def by_phase(block: Block, options: ReportOptions, titles: Titles = UNTITLED) -> str:
    """The legend of a table of means.

    Args:
        block: The table's entries; at least one.
        options: The metric, the reference and the level.
        titles: Titles of backbones and methods.
    """
    counts = sorted({entry.seeds for entry in block.values()})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    better = "higher" if options.higher_is_better else "lower"
    if counts[-1] < 2:
        return f"{options.title} ({better} is better) of one seed: no interval, no test and so no mark; {_NEEDS}"
    mean = (
        f"{options.title} ({better} is better), mean ± half the {options.level} interval (Student's t) over {seeds} "
        f"seeds, each with its own pretraining."
    )
    return " ".join([mean, *_marks(block, options, titles, shown=True)])


def gains(block: Block, options: ReportOptions, titles: Titles = UNTITLED) -> str:
    """The legend of a table of changes over the baseline, tested against it.

    Args:
        block: The entries that the changes come from, the baseline's included.
        options: The metric and the level; the reference is the baseline.
        titles: Titles of backbones and methods.
    """
    better = "positive" if options.higher_is_better else "positive, as lower is better,"
    base = options.reference or BASELINE
    what = (
        f"Improvement of the mean {options.title} over that of {title_of(titles, 'method', base)} in percent "
        f"({better} is better), with both means."
    )
    return " ".join([what, *_marks(block, options, titles, shown=False)])


def equality(options: ReportOptions) -> str:
    """What practically equal asks for: the interval that has to lie within the margin, in words."""
    level = f"{100 * (1 - 2 * options.alpha):g} % interval of the difference over seeds"
    if options.reference is None:
        level = (
            f"interval of the difference over seeds, of level 1 - {2 * options.alpha:g} / (methods - 1) since the best "
            f"was picked by looking,"
        )
    return f"{level} lies within {options.margin:g} (two one-sided t-tests, for each comparison by itself)"


def _marks(block: Block, options: ReportOptions, titles: Titles, shown: bool) -> list[str]:
    """What bold and the marks mean, a sentence each; ``shown`` says whether a given reference has its own row."""
    if not any(entry.verdict for entry in block.values()):
        return [f"There is no test and so no mark; {_NEEDS}"]
    lines = ["Bold: the best mean of a backbone and phase."]
    if options.reference is None:
        against = "the best one"
        family = "all pairs of methods with the same backbone and phase, since the best is picked by looking"
    else:
        name = title_of(titles, "method", options.reference)
        against = f"{name} ({MARKS[REFERENCE]})" if shown else name
        family = "the comparisons with the same backbone and phase"
        lines.append(f"{MARKS[BETTER]}: significantly better than {against}.")
    lines.append(
        f"{MARKS[WORSE]}: significantly worse than {against}; {MARKS[UNDECIDED]}: {UNDECIDED} from it. Test: "
        f"{MARKING}-test, two-sided at {options.alpha:g}; unit: the seed; correction: Holm over {family}."
    )
    lines.append(f"{MARKS[EQUAL]}: {EQUAL} to it, whatever the t-test finds: the {equality(options)}.")
    if min(entry.seeds for entry in block.values()) < FEWEST:
        lines.append(f"Without a mark: fewer than {FEWEST} seeds in common with it, too few for a test.")
    return lines
