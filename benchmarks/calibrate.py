"""``make calibrate``: how often each test finds a difference where there is none, and where one was planted.

There are three sources. *Trained*: one method twice, under other seeds, on one pretraining, so that the two differ by
chance alone; tests over seeds get groups of seeds drawn from these. *Own data*: two trainings again, with another
dataset for each comparison, for the interval over seeds and items. *Simulated*: scores of exactly equal quality, for
what takes models as given. Every chunk of training is kept in a work folder, so that a second start goes on where the
first one ended.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats
from tabulate import tabulate

from coldbench.data.dataset import Dataset
from coldbench.model.settings import Settings
from coldbench.plugins import kinds
from coldbench.plugins.registry import Registry
from coldbench.plugins.spec import Spec
from coldbench.protocol.phases import Outcome
from coldbench.protocol.rules import Paper
from coldbench.protocol.split import warm_up_split
from coldbench.protocol.stages import Trained
from coldbench.run.cell import Cell
from coldbench.run.plan import parse_spec
from coldbench.run.provenance import versions
from coldbench.significance import (
    COLLAPSED,
    benjamini_hochberg,
    bootstrap_aucs,
    collapse,
    crossed,
    delong,
    equivalence,
    friedman,
    holm,
    item_bootstrap,
)
from coldbench.significance.correlated import placements

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "calibration"
PAGE = ROOT / "docs" / "statistics.md"
BEGIN, END = "<!-- made by `make calibrate`: -->", "<!-- end -->"
ALPHA = 0.05
NOMINAL = (0.035, 0.065)  # a test may decide a mark where the interval of its rate lies within
LIBERAL = 0.075  # Bradley (1978), 1.5 alpha: a test may be shown where the interval of its rate lies below
DATA = "users=300,items=200,interactions=12000,n=80,k=8"
BACKBONES = ("fm", "deepfm")
METHODS = {"base": 1.0, "cvar[repeats=2]": 0.6}  # and the share of --seeds; two generator steps per batch, for time
OTHER = 1_000_000  # added to a seed for the second run
PHASES = 3  # the warm ones; before them, base has nothing that a second run could do otherwise
REPLICATES = 200  # of the bootstrap over items, as in a report
HALVES = 20  # random halves of a pool, whose rates say how much the rate depends on the pool
ITEMS, ROWS, CROSSED = "bootstrap of items", "bootstrap of items and rows", "seeds x items"
HIDDEN = {  # no report shows them: their interval lies outside the bounds in some setting, or nothing needs them
    "DeLong": "takes the rows of an item as independent",
    ROWS: "counts the scatter within items twice",
    "stratified bootstrap": "too narrow with few seeds",
    "best against each, Holm over those": "the best was picked by looking",
    "best against each, BH over those": "the best was picked by looking",
    "best practically equal to each, uncorrected": "the best was picked by looking",
}


CROSSINGS = {  # what is compared and its setting: items, rows per item, seeds, deviation of the common error by item
    (f"simulated methods, {'' if shared else 'no '}common errors by item", f"{seeds} seeds, {items} items"): (
        items,
        rows,
        seeds,
        shared,
    )
    for (items, rows), seeds, shared in itertools.product(((20, 40), (80, 18), (400, 18)), (3, 5), (0.0, 0.5))
}


@dataclass(frozen=True)
class Rate:
    """How often one test found a difference.

    Attributes:
        test: Its name.
        compared: What with what.
        setting: Numbers of seeds, methods, columns, blocks or items.
        planted: The true difference; empty where there is none, or none that the test may find.
        rate: Share of comparisons in which it said so.
        low: Lower limit of the rate's 95 % interval.
        high: Its upper limit.
        of: Number of comparisons.
    """

    test: str
    compared: str
    setting: str
    planted: str
    rate: float
    low: float
    high: float
    of: int

    @property
    def verdict(self) -> str:
        """Whether the interval of the rate lies within the bounds; empty where a difference was planted."""
        if self.planted:
            return ""
        if self.low >= NOMINAL[0] and self.high <= NOMINAL[1]:
            return "nominal"
        if self.high <= ALPHA:
            return "cautious"
        if self.high <= LIBERAL:
            return "within bounds"
        return "too eager" if self.low > NOMINAL[1] else "undecided"


def counted(test: str, compared: str, setting: str, hits: Sequence[bool] | np.ndarray, planted: str = "") -> Rate:
    """The rate of independent comparisons, with Wilson's interval."""
    found, of = int(np.sum(hits)), len(hits)
    low, high = stats.binomtest(found, of).proportion_ci(method="wilson")
    return Rate(test, compared, setting, planted, found / of, float(low), float(high), of)


def cell(method: str, seed: int, data: str, backbone: str = "fm") -> Cell:
    """A cell on small synthetic data."""
    parse = partial(parse_spec, Registry(), overrides={})
    parts = parse(kinds.DATASETS, f"synthetic[{data}]"), parse(kinds.BACKBONES, backbone), parse(kinds.METHODS, method)
    return Cell(parts[0], "", *parts[1:], seed, Spec("protocol", "paper", Paper()), Settings(batch_size=256), "cpu")


def outcomes(one: Cell, dataset: Dataset, pretrained: Trained) -> list[Outcome]:
    """A cell's outcomes on a backbone that is there."""
    stages = one.on(dataset)
    return list(stages.phases(pretrained, stages.fit(pretrained)))


def aucs(backbone: str, method: str, seeds: range) -> np.ndarray:
    """(seeds, 2, phases) test AUCs of two runs on each pretrained backbone."""
    dataset = Registry().get(kinds.DATASETS, "synthetic")().load(cell(method, 0, DATA).dataset.config)
    found = np.empty((len(seeds), 2, PHASES))
    for place, seed in enumerate(seeds):
        pretrained = cell(method, seed, DATA, backbone).on(dataset).pretrain()
        for run, other in enumerate((0, OTHER)):
            made = outcomes(cell(method, seed + other, DATA, backbone), dataset, pretrained)
            found[place, run] = [outcome.metrics["auc"] for outcome in made[1:]]
    return found


def own_data(backbone: str, method: str, numbers: range, seeds: int = 5) -> np.ndarray:
    """Two trainings per seed, each comparison with a dataset of its own: what their intervals are made from.

    Returns:
        (comparisons, 2 + REPLICATES, 2 seeds): DeLong's p of the first seed and the number of items, repeated; AUCs on
        all test rows; AUCs on resampled items.
    """
    found = []
    for number in numbers:
        data = f"{DATA},seed={number}"
        dataset = Registry().get(kinds.DATASETS, "synthetic")().load(cell(method, 0, data).dataset.config)
        rows = warm_up_split(dataset).test
        logits = np.empty((2, seeds, len(rows)))
        for seed in range(seeds):
            pretrained = cell(method, seed, data, backbone).on(dataset).pretrain()
            for run, other in enumerate((0, OTHER)):
                made = outcomes(cell(method, seed + other, data, backbone), dataset, pretrained)
                logits[run, seed] = made[-1].logits
        labels, items = dataset.click[rows], dataset.item[rows]
        about = delong(labels, logits[0, 0], logits[1, 0]).p_value or 0.0, float(len(np.unique(items)))
        point, drawn = resampled(labels, items, *logits, seed=number)
        found.append(np.vstack([np.resize(about, 2 * seeds), point, drawn]))
    return np.array(found)


def of_own_data(kept: np.ndarray) -> tuple[list[bool], list[bool]]:
    """Where DeLong's test and the interval over seeds and items find a difference."""
    rows = [found_by(one[0, 0]) for one in kept]
    return rows, [outside(of_both(one[1], one[2:], int(one[0, 1]))) for one in kept]


def resampled(labels: np.ndarray, items: np.ndarray, a: np.ndarray, b: np.ndarray, seed: int):
    """AUCs of two methods' (seeds, rows) scores: (2 seeds,) on all rows, (REPLICATES, 2 seeds) on resampled items."""
    stacked = np.vstack([a, b])
    point = np.array([placements(labels > 0, score)[labels > 0].mean() for score in stacked])
    return point, bootstrap_aucs(labels, items, stacked, REPLICATES, seed, within=False)


def of_both(point: np.ndarray, drawn: np.ndarray, items: int) -> tuple[float, float]:
    """The interval over seeds and items."""
    seeds = len(point) // 2
    return crossed(point[:seeds] - point[seeds:], drawn[:, :seeds] - drawn[:, seeds:], items, ALPHA).interval


def simulated(items: int, each: int, by_item: float, by_row: float, numbers: range) -> np.ndarray:
    """(comparisons, 3 tests + AUC difference) of two models that err alike, by item and by row.

    Args:
        items: Number of test items.
        each: Rows per item.
        by_item: Standard deviation of the error that the rows of an item share.
        by_row: Standard deviation of the second model's error by row; the first model's is 1.
        numbers: Of the comparisons.
    """
    item = np.repeat(np.arange(items), each)
    found = []
    for number in numbers:
        random = np.random.default_rng([items, each, number])
        taste, labels = clicks(random, item)
        a, b = (
            taste + by_item * random.normal(size=items)[item] + spread * random.normal(size=len(item))
            for spread in (1.0, by_row)
        )
        rows = delong(labels, a, b)
        intervals = [
            item_bootstrap(labels, item, a, b, REPLICATES, ALPHA, number, within).interval for within in (False, True)
        ]
        found.append([found_by(rows.p_value), *map(outside, intervals), rows.difference])
    return np.array(found, float)


def simulated_seeds(items: int, each: int, seeds: int, shared: float, numbers: range) -> np.ndarray:
    """(comparisons,) whether the interval over seeds and items tells two equal methods with several models apart.

    Args:
        items: Number of test items.
        each: Rows per item.
        seeds: Models per method, which err by item, by row and as a whole.
        shared: Standard deviation of the error by item that all models of a method share.
        numbers: Of the comparisons.
    """
    item = np.repeat(np.arange(items), each)
    found = []
    for number in numbers:
        random = np.random.default_rng([items, seeds, number])
        taste, labels = clicks(random, item)
        scores = []
        for _ in range(2):
            common = shared * random.normal(size=items)[item]
            noise = np.exp(0.15 * random.normal(size=(seeds, 1))) * random.normal(size=(seeds, len(item)))
            scores.append(taste + common + 0.3 * random.normal(size=(seeds, items))[:, item] + noise)
        found.append(outside(of_both(*resampled(labels, item, *scores, seed=number), items)))
    return np.array(found)


def clicks(random: np.random.Generator, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What rows are worth, in part by their item, and clicks that depend on it."""
    taste = random.normal(size=len(item)) + random.normal(size=item.max() + 1)[item]
    return taste, random.random(len(item)) < 1 / (1 + np.exp(-taste))


def found_by(p_value: float | None) -> bool:
    """Whether a test says that there is a difference."""
    return p_value is not None and p_value < ALPHA


def outside(interval: tuple[float, float]) -> bool:
    """Whether an interval leaves zero out."""
    return not interval[0] <= 0 <= interval[1]


Finds = Callable[[np.ndarray], np.ndarray]  # a batch of comparisons -> in which of them the test finds a difference


@dataclass(frozen=True)
class Pool:
    """Trained cells of one method on one backbone.

    Attributes:
        name: Of both.
        values: (seeds, 2, phases) AUCs.
        draws: Comparisons per test.
    """

    name: str
    values: np.ndarray
    draws: int

    @property
    def deviation(self) -> float:
        """Standard deviation of the difference of two runs on one pretrained backbone."""
        return float((self.values[:, 0] - self.values[:, 1]).std())

    def differences(self, values: np.ndarray, shape: tuple[int, ...], draws: int) -> Iterator[np.ndarray]:
        """Differences of two runs on one pretraining, of distinct seeds, in units of ``deviation``.

        Which run is the first is a coin's toss, so their distribution is symmetric and the true difference zero.
        """
        random = np.random.default_rng([*shape, len(values)])
        changes = (values[:, 0] - values[:, 1]) / self.deviation
        for number in range(draws):
            drawn = changes[random.permutation(len(values))[: np.prod(shape)], number % PHASES]
            yield (drawn * random.choice([-1, 1], len(drawn))).reshape(shape)

    def scores(self, values: np.ndarray, shape: tuple[int, ...], draws: int) -> Iterator[np.ndarray]:
        """AUCs of distinct seeds with a pretraining each, around their phase's mean: as of methods that are equal."""
        random = np.random.default_rng([*shape, len(values)])
        centred = (values[:, 0] - values[:, 0].mean(axis=0)) / self.deviation
        for number in range(draws):
            picks = [random.permutation(len(values))[: np.prod(shape[-2:])] for _ in range(int(np.prod(shape[:-2])))]
            yield centred[np.array(picks), number % PHASES].reshape(shape)

    def rate(
        self, test: str, setting: str, source: str, shape: tuple[int, ...], finds: Finds, planted: str = ""
    ) -> Rate:
        """A test's rate over draws; its interval counts both the draws and the pool that they come from."""
        draw = getattr(self, source)
        hits = finds(np.stack(list(draw(self.values, shape, self.draws)))).mean()
        random = np.random.default_rng(0)
        size, few = len(self.values) // 2, max(self.draws // 4, 1)
        halves = [
            finds(np.stack(list(draw(self.values[random.permutation(2 * size)[:size]], shape, few)))).mean()
            for _ in range(HALVES)
        ]
        chance = float(hits * (1 - hits))
        pool = max(float(np.mean((np.array(halves) - hits) ** 2)) - chance / few, 0.0)  # delete-half jackknife
        error = 1.96 * np.sqrt(pool + max(chance, 1 / self.draws) / self.draws)
        low, high = max(float(hits - error), 0.0), min(float(hits + error), 1.0)
        return Rate(test, self.name, setting, planted, float(hits), low, high, self.draws)


def each(finds: Callable[[np.ndarray], bool]) -> Finds:
    """A test of one comparison, for a batch of them."""
    return lambda batch: np.array([finds(one) for one in batch])


def by_t(d: np.ndarray) -> np.ndarray:
    """Whether ``paired_t`` finds a difference, of (comparisons, seeds) differences."""
    return stats.ttest_1samp(d, 0.0, axis=1).pvalue < ALPHA


def by_equivalence(d: np.ndarray, margin: float) -> np.ndarray:
    """Whether ``equivalence`` holds, of (comparisons, seeds) differences."""
    half = stats.t.ppf(1 - ALPHA, d.shape[1] - 1) * stats.sem(d, axis=1)
    return np.abs(d.mean(axis=1)) + half < margin


def by_wilcoxon(d: np.ndarray) -> np.ndarray:
    """Whether ``wilcoxon`` finds a difference, of (comparisons, seeds) differences."""
    return stats.wilcoxon(d, axis=1, method="exact").pvalue < ALPHA


def by_effect(d: np.ndarray) -> np.ndarray:
    """Whether the interval of ``effect`` leaves zero out, of (comparisons, blocks, seeds) differences."""
    return by_t(d.mean(axis=1))


def by_bootstrap(d: np.ndarray) -> bool:
    """Whether Agarwal's stratified bootstrap of an effect size leaves zero out, of (seeds,) differences."""
    drawn = np.random.default_rng(0).integers(len(d), size=(500, len(d)))
    return outside(tuple(np.quantile(d[drawn].mean(axis=1), [ALPHA / 2, 1 - ALPHA / 2])))


def by_name(values: np.ndarray) -> bool:
    """Whether any seed of a column is named as collapsed, of (seeds, methods)."""
    return bool((collapse(values) > COLLAPSED).any())


def by_interval(values: np.ndarray) -> np.ndarray:
    """Whether ``mean_interval`` leaves the mean of all seeds out, of (comparisons, 1, 1, seeds) values around it."""
    return by_t(values[:, 0, 0])


def over_seeds(pool: Pool) -> Iterator[Rate]:
    """Rates of the tests over seeds where there is no difference."""
    smaller = replace(pool, draws=pool.draws // 6)
    for seeds in (3, 5, 10):
        setting = f"{seeds} seeds"
        yield pool.rate("paired t", setting, "differences", (seeds,), by_t)
        yield pool.rate("effect size", f"{setting}, 1 block", "differences", (1, seeds), by_effect)
        yield pool.rate("effect size", f"{setting}, 4 blocks", "differences", (4, seeds), by_effect)
        for margin in (1, 3):  # the true difference is the margin, so 'practically equal' is wrong
            equal = lambda d, m=margin: by_equivalence(d + m, m)  # noqa: E731
            yield pool.rate("practically equal", f"{setting}, margin {margin} SD", "differences", (seeds,), equal)
        yield smaller.rate("stratified bootstrap", f"{setting}, 1 block", "differences", (seeds,), each(by_bootstrap))
    for seeds in (6, 10):
        yield pool.rate("Wilcoxon", f"{seeds} seeds", "differences", (seeds,), by_wilcoxon)
    for seeds in (3, 5):
        yield pool.rate("t-interval of a mean", f"{seeds} seeds", "scores", (1, 1, seeds), by_interval)
        setting = f"7 methods, {seeds} seeds"
        yield smaller.rate("collapsed seed named", setting, "differences", (seeds, 7), each(by_name))


def families(pool: Pool, methods: int = 7, seeds: int = 5) -> Iterator[Rate]:
    """Rates of any false finding where the methods of all columns are equal."""
    places = np.array(list(itertools.combinations(range(methods), 2)))

    def by(values: np.ndarray, rule: str) -> np.ndarray:
        """In which of (comparisons, columns, seeds, methods) values a rule finds anything."""
        found = stats.ttest_1samp(values[..., places[:, 0]] - values[..., places[:, 1]], 0.0, axis=2).pvalue
        best = values.mean(axis=2).argmax(axis=2) if rule.startswith("best") else np.zeros(values.shape[:2], int)
        shown = (places == best[..., None, None]).any(axis=3)
        if "all pairs" not in rule:  # every column has as many comparisons with its reference
            found, shown = found[shown].reshape(*found.shape[:2], -1), np.array(True)
        families = found.reshape(len(found), -1) if "BH" in rule else found.reshape(-1, found.shape[2])
        corrected = np.array([*map(benjamini_hochberg if "BH" in rule else holm, families)]).reshape(found.shape)
        return ((corrected < ALPHA) & shown).any(axis=(1, 2))

    smaller = replace(pool, draws=pool.draws // 3)
    for columns in (1, 8, 16):
        rules = [
            "best against each, BH over those",
            "best against each, BH over all pairs",
            "named reference, BH over those",
        ]
        if columns == 1:
            rules += [rule.replace("BH", "Holm") for rule in rules]
        for rule in rules:
            setting = f"{methods} methods, {seeds} seeds, {columns} column{'s' * (columns > 1)}"
            yield smaller.rate(rule, setting, "scores", (columns, seeds, methods), partial(by, rule=rule))


def across(draws: int) -> Iterator[Rate]:
    """Rates of the tests over datasets: among equal methods all rankings are equally likely, whatever they are."""
    for blocks, methods in ((5, 3), (5, 7), (12, 7)):
        setting = f"{methods} methods, {blocks} datasets"
        random = np.random.default_rng([blocks, methods])
        tests = [friedman(random.normal(size=(blocks, methods)), resamples=299) for _ in range(draws)]
        yield counted("Friedman", "simulated", setting, [found_by(test.p_value) for test in tests])
        yield counted("Nemenyi", "simulated, any pair", setting, [(test.pairwise < ALPHA).any() for test in tests])


def picked(draws: int, methods: int = 7, seeds: int = 5) -> Iterator[Rate]:
    """How often the observed best is wrongly called practically equal to a method that is exactly a margin away."""
    rules = {"best practically equal to each, uncorrected": 1, "practically equal": methods - 1}
    for margin, (rule, candidates) in itertools.product((1.0, 2.0, 4.0), rules.items()):
        random, hits = np.random.default_rng(int(margin)), []
        for _ in range(draws):
            truth = np.r_[margin, np.zeros(methods - 1)]
            values = truth + random.normal(size=(seeds, methods)) / np.sqrt(2)
            best = int(values.mean(axis=0).argmax())
            other = int(random.choice(np.flatnonzero(truth != truth[best])))
            hits.append(equivalence(values[:, best], values[:, other], margin, ALPHA / candidates).equal)
        yield counted(rule, "simulated, best picked by looking", f"{seeds} seeds, margin {margin:g} SD", hits)


def power(pool: Pool) -> Iterator[Rate]:
    """How often the tests over seeds find a planted difference, and two equal methods are called practically equal."""
    for planted, seeds in itertools.product((0.5, 1, 2, 4), (3, 5, 10)):
        shifted = lambda d, by=planted: by_t(d + by)  # noqa: E731
        yield pool.rate("paired t", f"{seeds} seeds", "differences", (seeds,), shifted, f"{planted:g} SD")
    for margin, seeds in itertools.product((0.5, 1, 2, 4), (3, 5, 10)):
        equal = lambda d, m=margin: by_equivalence(d, m)  # noqa: E731
        setting = f"{seeds} seeds, margin {margin:g} SD"
        yield pool.rate("practically equal", setting, "differences", (seeds,), equal, "no difference")


def of_simulated(comparisons: int) -> Iterator[Rate]:
    """Rates of what takes models as given, and of the interval over seeds and items, on simulated scores."""
    names = ("DeLong", ITEMS, ROWS)
    for (items, each), by_item, by_row in itertools.product(((20, 40), (80, 18), (400, 18)), (0.0, 1.0), (1.0, 1.2)):
        count = comparisons if items < 400 else comparisons // 2
        count = count if by_row == 1.0 else count // 4
        found = simulated(items, each, by_item, by_row, range(count))
        planted = f"{found[:, 3].mean():.4f} AUC" if by_row != 1.0 else ""
        compared = f"simulated, errors by {'item and ' * bool(by_item)}row"
        for test, hits in zip(names, found.T[:3], strict=True):
            yield counted(test, compared, f"{items} items, {items * each:,} rows", hits, planted)
    for about, parameters in CROSSINGS.items():
        found = simulated_seeds(*parameters, range(comparisons if parameters[0] < 400 else 2 * comparisons // 3))
        yield counted(CROSSED, *about, found)


def decided(rates: Iterable[Rate], more: int = 3) -> Iterator[Rate]:
    """Undecided rates of the interval over seeds and items with more comparisons, three times as many in all."""
    for rate in rates:
        parameters = CROSSINGS.get((rate.compared, rate.setting))
        if rate.test == CROSSED and rate.verdict == "undecided" and parameters is not None:
            hits = np.arange(rate.of) < round(rate.rate * rate.of)
            further = simulated_seeds(*parameters, range(rate.of, more * rate.of))
            rate = counted(CROSSED, rate.compared, rate.setting, np.r_[hits, further])
        yield rate


def without_training(comparisons: int) -> list[Rate]:
    """All rates on simulated numbers, for a process beside the one that trains."""
    return [*across(comparisons), *picked(comparisons), *of_simulated(comparisons)]


def kept(work: Path, kind: str, make: Callable[[str, str, range], np.ndarray], backbone: str, method: str, count: int):
    """The chunks of what is trained, made where the folder lacks them or the code that made them was another."""
    code = cell(method, 0, DATA, backbone).code[:12]
    parts = []
    for start in range(0, count, 20):
        numbers = range(start, min(start + 20, count))
        name = f"{kind}-{backbone}-{method.partition('[')[0]}-{numbers.start}-{numbers.stop}-{code}.npy"
        if not (work / name).exists():
            np.save(work / "part.npy", make(backbone, method, numbers))
            (work / "part.npy").replace(work / name)
        parts.append(np.load(work / name))
    return np.concatenate(parts)


def report(rates: Iterable[Rate], about: Sequence[str]) -> tuple[str, pd.DataFrame]:
    """The page and the table behind it."""
    columns = ["test", "compared", "setting", "comparisons", "rate", "low", "high", "verdict", "shown", "planted"]
    frame = pd.DataFrame(
        [
            [r.test, r.compared, r.setting, r.of, r.rate, r.low, r.high, r.verdict, r.test not in HIDDEN, r.planted]
            for r in rates
        ],
        columns=columns,
    )
    frame = frame.sort_values(
        "test", key=lambda t: t.map({name: n for n, name in enumerate(t.unique())}), kind="stable"
    )
    texts = frame.assign(
        rate=frame["rate"].map("{:.3f}".format),
        interval=[f"{low:.3f} to {high:.3f}" for low, high in frame[["low", "high"]].to_numpy()],
        shown=frame["shown"].map({True: "yes", False: "no"}),
    )
    table = partial(tabulate, tablefmt="github", showindex=False, disable_numparse=True)
    null = texts[texts["planted"] == ""][
        ["test", "compared", "setting", "comparisons", "rate", "interval", "verdict", "shown"]
    ]
    found = texts[texts["planted"] != ""][["test", "compared", "setting", "planted", "comparisons", "rate", "interval"]]
    page = [
        "# Calibration of the tests",
        *about,
        f"## False alarms: how often a test at level {ALPHA} finds a difference that is not there",
        table(null, list(null.columns)),
        "## Power: how often a test finds a difference that was planted",
        table(found, list(found.columns)),
    ]
    return "\n\n".join(page) + "\n", frame


def summary(frame: pd.DataFrame) -> str:
    """The table of docs/statistics.md: the range of each test's rates where it should find nothing."""
    rows = []
    for test, part in frame[frame["planted"].fillna("") == ""].groupby("test", sort=False):
        low, high = (f"{limit:.3f}" for limit in (part["rate"].min(), part["rate"].max()))
        verdicts = ", ".join(f"{count} {name}" for name, count in part["verdict"].value_counts(sort=False).items())
        rows.append(
            [test, low if low == high else f"{low} to {high}", "yes" if part["shown"].all() else "no", verdicts]
        )
    lines = ["| test | rates | shown | settings by verdict |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def document(frame: pd.DataFrame) -> None:
    """Writes that table into docs/statistics.md."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{summary(frame)}\n{END}{after}")


def read(out: Path) -> Iterator[Rate]:
    """The rates of a finished calibration."""
    frame = pd.read_csv(out / "rates.csv", keep_default_na=False)
    for row in frame.to_dict("records"):
        about = row["test"], row["compared"], row["setting"], row["planted"]
        yield Rate(*about, row["rate"], row["low"], row["high"], row["comparisons"])


def write(rates: Iterable[Rate], about: Sequence[str], out: Path) -> None:
    """The page, the table behind it, and the one in the documentation."""
    page, frame = report(rates, about)
    out.mkdir(parents=True, exist_ok=True)
    (out / "README.md").write_text(page)
    frame.to_csv(out / "rates.csv", index=False, float_format="%.6g")
    if out == RESULTS:
        document(pd.read_csv(out / "rates.csv"))
    print(page)


def main() -> None:
    """Trains, compares, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=400, help="of base, per backbone, each run twice")
    parser.add_argument("--own-data", type=int, default=100, help="comparisons on data of their own, per backbone")
    parser.add_argument("--comparisons", type=int, default=1500, help="of each test, or about that")
    parser.add_argument("--out", type=Path, default=RESULTS)
    help_text = "measure only the undecided settings of a finished calibration, with more comparisons"
    parser.add_argument("--undecided", action="store_true", help=help_text)
    parser.add_argument("--work", type=Path, default=ROOT / "results" / "calibration-work")
    arguments = parser.parse_args()
    if arguments.undecided:
        write(decided(read(arguments.out)), (arguments.out / "README.md").read_text().split("\n\n")[1:4], arguments.out)
        return
    arguments.work.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore", RuntimeWarning)  # of scipy, where two differences are nearly equal
    torch.set_num_threads(1)
    started, rates, spreads, own = time.process_time(), [], [], []
    other = ProcessPoolExecutor(1, get_context("spawn"))
    waiting = other.submit(without_training, arguments.comparisons)
    for backbone, (method, share) in itertools.product(BACKBONES, METHODS.items()):
        values = kept(arguments.work, "aucs", aucs, backbone, method, int(share * arguments.seeds))
        pool = Pool(f"trained, {method} on {backbone}", values, 6 * arguments.comparisons)
        spreads.append(f"{method} on {backbone} {pool.deviation:.4f}")
        rates += over_seeds(pool)
        if method == "base":
            rates += [*families(pool), *power(pool)]
        print(f"{pool.name}: {time.process_time() - started:.0f} s", flush=True)
        count = int(share * arguments.own_data)
        own.append(kept(arguments.work, "items", own_data, backbone, method, count))
        print(f"own data, {method} on {backbone}: {time.process_time() - started:.0f} s", flush=True)
    rows, both = of_own_data(np.concatenate(own))
    rates += [counted("DeLong", "trained, own data", "1 seed, about 80 items", rows)]
    rates += [counted(CROSSED, "trained, own data", "5 seeds, about 80 items", both)]
    rates += waiting.result()
    shared = " and ".join(f"{int(share * arguments.seeds)} seeds of {method}" for method, share in METHODS.items())
    named = ", ".join(f"{name} {versions()[name]}" for name in ("coldbench", "torch", "scipy"))
    about = [
        f"Written by `make calibrate`: {' and '.join(BACKBONES)} on `synthetic[{DATA}]`; per backbone {shared}, each "
        f"pretrained once and run twice; {named}.",
        f"Verdicts go by the rate's 95 % interval (Wilson's; of draws from trained seeds, the draws' and the pool's "
        f"together). nominal: within {NOMINAL[0]} and {NOMINAL[1]}; cautious: below {ALPHA}; within bounds: below "
        f"{LIBERAL} (Bradley 1978); too eager: above {NOMINAL[1]}; undecided: anything else. Marks ask for nominal, "
        f"whatever else is shown for one of the first three. *practically equal* is measured where the true difference "
        f"is the margin. SD: the standard deviation of the difference of two runs on one pretrained backbone, in AUC: "
        f"{'; '.join(spreads)}.",
        "Not shown in reports: " + "; ".join(f"{test} ({why})" for test, why in HIDDEN.items()) + ".",
    ]
    write(decided(rates), about, arguments.out)


if __name__ == "__main__":
    main()
