"""``make calibrate``: how often each test finds a difference where there is none, and where one was planted.

A/A comparisons: the same method against itself under other seeds, trained for real on small synthetic data. Every seed
is pretrained once and taken through the phases twice, the second time under another seed. ``same pretraining``
compares the two (methods of a run are paired like that); ``own pretraining`` compares different seeds. Tests over rows
or items take two models as given, and two trainings of one method are not equal to them; so they are measured on
simulated scores of exactly equal quality as well. What comes out is written to results/calibration.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
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
from coldbench.significance import delong, effect, friedman, holm, item_bootstrap, mean_interval, paired_t, wilcoxon

ALPHA = 0.05
NOMINAL = (0.035, 0.065)  # rates at which a test may decide a mark
DATA = "users=300,items=200,interactions=12000,n=80,k=8"
METHODS = {"base": 1.0, "cvar[repeats=2]": 0.2}  # and how many of --pairs; two generator steps a batch, for time
OTHER = 1_000_000  # added to a seed for the second run
PHASES = 3  # the warm ones; before them, base has nothing that a second run could do otherwise
REPLICATES = 200  # of the bootstrap over items
GIVEN = {"DeLong": "row", "bootstrap of items": "item", "bootstrap of items and rows": "item"}  # and their units


@dataclass(frozen=True)
class Rate:
    """How often one test found a difference.

    Attributes:
        test: Its name.
        unit: What is replicated.
        null: What was compared.
        setting: Numbers of seeds, methods, blocks or items.
        planted: The true difference, in standard deviations of a seed's difference or in AUC; none in A/A comparisons.
        found: How often it said so.
        of: Comparisons.
        independent: Those that share no cell with each other; the interval counts these only.
    """

    test: str
    unit: str
    null: str
    setting: str
    planted: str
    found: int
    of: int
    independent: int

    def row(self) -> dict[str, object]:
        """For the tables."""
        rate = self.found / self.of
        low, high = stats.binomtest(round(rate * self.independent), self.independent).proportion_ci(method="wilson")
        about = {"test": self.test, "unit": self.unit, "compared": self.null, "setting": self.setting}
        return about | {"planted": self.planted, "comparisons": self.of, "rate": rate, "low": low, "high": high}


def cell(method: str, seed: int, data: str) -> Cell:
    """A cell of FM on small synthetic data."""
    parse = partial(parse_spec, Registry(), overrides={})
    parts = parse(kinds.DATASETS, f"synthetic[{data}]"), parse(kinds.BACKBONES, "fm"), parse(kinds.METHODS, method)
    return Cell(parts[0], "", *parts[1:], seed, Spec("protocol", "paper", Paper()), Settings(batch_size=256), "cpu")


def outcomes(one: Cell, dataset: Dataset, pretrained: Trained) -> list[Outcome]:
    """A cell's outcomes on a backbone that is there."""
    stages = one.on(dataset)
    return list(stages.phases(pretrained, stages.fit(pretrained)))


def aucs(task: tuple[str, range]) -> np.ndarray:
    """(seeds, 2, phases) test AUCs of two runs on each pretrained backbone."""
    method, seeds = task
    torch.set_num_threads(1)
    config = cell(method, 0, DATA).dataset.config
    dataset = Registry().get(kinds.DATASETS, "synthetic")().load(config)
    found = np.empty((len(seeds), 2, PHASES))
    for place, seed in enumerate(seeds):
        pretrained = cell(method, seed, DATA).on(dataset).pretrain()
        for run, other in enumerate((0, OTHER)):
            made = outcomes(cell(method, seed + other, DATA), dataset, pretrained)
            found[place, run] = [outcome.metrics["auc"] for outcome in made[1:]]
    return found


def of_given_models(labels: np.ndarray, items: np.ndarray, a: np.ndarray, b: np.ndarray, seed: int) -> list[bool]:
    """Whether DeLong, the bootstrap of items and that of items and rows find a difference."""
    found = [(delong(labels, a, b).p_value or 0) < ALPHA]
    for within in (False, True):
        low, high = item_bootstrap(labels, items, a, b, REPLICATES, ALPHA, seed, within).interval
        found.append(not low <= 0 <= high)
    return found


def trained_rows(task: tuple[str, range]) -> np.ndarray:
    """(seeds, 3 tests) on the last phase's predictions of two runs, each seed with a dataset of its own."""
    method, seeds = task
    torch.set_num_threads(1)
    found = []
    for seed in seeds:
        data = f"{DATA},seed={seed}"
        dataset = Registry().get(kinds.DATASETS, "synthetic")().load(cell(method, seed, data).dataset.config)
        rows = warm_up_split(dataset).test
        pretrained = cell(method, seed, data).on(dataset).pretrain()
        runs = [outcomes(cell(method, seed + other, data), dataset, pretrained)[-1].logits for other in (0, OTHER)]
        found.append(of_given_models(dataset.click[rows], dataset.item[rows], *runs, seed))
    return np.array(found)


def simulated_rows(task: tuple[int, int, float, float, range]) -> np.ndarray:
    """(comparisons, 3 tests + AUC difference) of two models that err alike, by item and by row.

    Args:
        task: Items, rows an item, the error's standard deviation by item and, of the second model, by row, and seeds.
    """
    items, each, by_item, by_row, seeds = task
    item = np.repeat(np.arange(items), each)
    found = []
    for seed in seeds:
        random = np.random.default_rng([items, each, seed])
        taste = random.normal(size=len(item)) + random.normal(size=items)[item]
        labels = random.random(len(item)) < 1 / (1 + np.exp(-taste))
        a, b = (
            taste + by_item * random.normal(size=items)[item] + spread * random.normal(size=len(item))
            for spread in (1.0, by_row)
        )
        found.append([*of_given_models(labels, item, a, b, seed), delong(labels, a, b).difference])
    return np.array(found, float)


Finds = Callable[[np.ndarray, np.ndarray], bool]
T_TEST: Finds = lambda a, b: stats.ttest_rel(a, b).pvalue < ALPHA  # noqa: E731 - also with the two seeds that ours refuses
OURS: Finds = lambda a, b: found_by(paired_t(a, b).p_value)  # noqa: E731
WILCOXON: Finds = lambda a, b: found_by(wilcoxon(a, b).p_value)  # noqa: E731
STRATIFIED: Finds = lambda a, b: outside(effect([a], [b], replicates=500).difference_interval)  # noqa: E731


def found_by(p_value: float | None) -> bool:
    """Whether a test says that there is a difference."""
    return p_value is not None and p_value < ALPHA


def outside(interval: tuple[float, float]) -> bool:
    """Whether an interval leaves zero out."""
    return not interval[0] <= 0 <= interval[1]


@dataclass(frozen=True)
class Pool:
    """Trained cells of one method.

    Attributes:
        method: Which.
        values: (seeds, 2, phases) AUCs.
        least: Comparisons to make of each test.
    """

    method: str
    values: np.ndarray
    least: int

    @property
    def deviation(self) -> float:
        """Standard deviation of the difference of two runs on one pretrained backbone."""
        return float((self.values[:, 0] - self.values[:, 1]).std())

    def groups(self, size: int) -> list[tuple[np.ndarray, int]]:
        """Disjoint groups of seeds, dealt anew until there are enough, and a phase for each."""
        random = np.random.default_rng(size)
        fit = len(self.values) // size
        rounds = -(-self.least // fit)
        dealt = np.concatenate([random.permutation(len(self.values))[: fit * size] for _ in range(rounds)])
        return [(group, number % PHASES) for number, group in enumerate(dealt.reshape(-1, size))]

    def rate(self, test: str, finds: Finds, seeds: int, own: bool, planted: float = 0.0) -> Rate:
        """A test over seeds on A/A comparisons, or with a difference added to one side."""
        size = 2 * seeds if own else seeds
        groups = self.groups(size)
        hits = 0
        for group, phase in groups:
            values = self.values[group, :, phase]
            first, second = (values[:seeds, 0], values[seeds:, 0]) if own else (values[:, 0], values[:, 1])
            hits += finds(first + planted * self.deviation, second)
        compared = f"{self.method}, {'own' if own else 'same'} pretraining"
        amount = f"{planted:g} SD" if planted else ""
        return self.counted(test, compared, f"{seeds} seeds", hits, size, amount)

    def counted(self, test: str, compared: str, setting: str, hits: int, size: int, planted: str = "") -> Rate:
        """A rate over all groups of a size."""
        of = len(self.groups(size))
        unit = "block" if "block" in setting else "seed"
        return Rate(test, unit, compared, setting, planted, int(hits), of, min(of, len(self.values) // size))


def over_seeds(pool: Pool) -> Iterator[Rate]:
    """Rates of the tests over seeds; a comparison is of one phase, the phases taking turns."""
    for own in (False, True):
        yield pool.rate("paired t", T_TEST, 2, own)
        for seeds in (3, 5, 6, 10):
            yield pool.rate("paired t", OURS, seeds, own)
        for seeds in (6, 7, 8, 10):
            yield pool.rate("Wilcoxon", WILCOXON, seeds, own)
        for seeds in (3, 5, 10):
            yield pool.rate("stratified bootstrap, 1 block", STRATIFIED, seeds, own)


def power(pool: Pool) -> Iterator[Rate]:
    """How often the tests over seeds find a planted difference."""
    for planted in (0.5, 1.0, 2.0, 4.0):
        for seeds in (2, 3, 5, 6, 10):
            yield pool.rate("paired t", T_TEST, seeds, False, planted)
        for seeds in (6, 10):
            yield pool.rate("Wilcoxon", WILCOXON, seeds, False, planted)


def means(pool: Pool) -> Iterator[Rate]:
    """How often the interval of a mean over seeds leaves out the mean of all."""
    for seeds in (3, 5):
        missed = 0
        for group, phase in pool.groups(seeds):
            low, high = mean_interval(pool.values[group, 0, phase])
            missed += not low <= pool.values[:, 0, phase].mean() <= high
        yield pool.counted("t-interval of a mean", pool.method, f"{seeds} seeds", missed, seeds)


def families(pool: Pool, methods: int = 7, seeds: int = 5) -> Iterator[Rate]:
    """Rates of any false mark in a column of a table, and of the tests across blocks."""
    rules = {
        "paired t, best against each, Holm over those": 0,
        "paired t, best against each, Holm over all pairs": 0,
        "paired t, fixed reference against each, Holm over those": 0,
    }
    places = list(itertools.combinations(range(methods), 2))
    for group, phase in pool.groups(methods * seeds):
        values = pool.values[group, 0, phase].reshape(seeds, methods)
        every = np.array([paired_t(values[:, one], values[:, other]).p_value for one, other in places])
        best = int(values.mean(axis=0).argmax())
        of_best = np.array([best in pair for pair in places])
        of_first = np.array([0 in pair for pair in places])
        lowest = holm(every[of_best]).min(), holm(every)[of_best].min(), holm(every[of_first]).min()
        for rule, p_value in zip(rules, lowest, strict=True):
            rules[rule] += found_by(p_value)
    setting = f"{methods} methods, {seeds} seeds"
    for rule, hits in rules.items():
        yield pool.counted(rule, f"{pool.method}, any mark in a column", setting, hits, methods * seeds)
    for blocks, ranked in ((3, 3), (6, 3), (6, 7), (12, 7)):
        groups = pool.groups(blocks * ranked)
        tests = [
            friedman(pool.values[group, 0, phase].reshape(blocks, ranked), resamples=299) for group, phase in groups
        ]
        setting = f"{ranked} methods, {blocks} blocks"
        overall = sum(found_by(test.p_value) for test in tests)
        yield pool.counted("Friedman", f"{pool.method}, own pretraining", setting, overall, blocks * ranked)
        pairs = sum(bool((test.pairwise < ALPHA).any()) for test in tests)
        yield pool.counted("Nemenyi", f"{pool.method}, any pair", setting, pairs, blocks * ranked)


def of_pool(pool: Pool) -> list[Rate]:
    """Everything that one method's cells are for."""
    warnings.simplefilter("ignore", RuntimeWarning)  # of scipy, where two differences are nearly equal
    rates = list(over_seeds(pool))
    return [*rates, *means(pool), *families(pool), *power(pool)] if pool.method == "base" else rates


def of_trained(workers: ProcessPoolExecutor, comparisons: int) -> Iterator[Rate]:
    """Rates of the tests that take two models as given, on two trainings of one method."""
    for method, share in METHODS.items():
        tasks = [(method, seeds) for seeds in chunks(int(comparisons * max(share, 0.3)))]
        found = np.concatenate(list(workers.map(trained_rows, tasks)))
        for (test, unit), hits in zip(GIVEN.items(), found.T, strict=True):
            what = f"{method}, two trainings, own data"
            yield Rate(test, unit, what, "about 80 items, 1,400 rows", "", int(hits.sum()), len(found), len(found))


def of_simulated(workers: ProcessPoolExecutor, comparisons: int) -> Iterator[Rate]:
    """The same on simulated scores, of equal quality or with a planted difference."""
    sizes, spreads = ((1400, 1), (80, 18), (400, 18)), (1.0, 1.2)
    for by_item, (items, each), by_row in itertools.product((0.0, 1.0), sizes, spreads):
        if each == 1 and by_item:
            continue
        count = comparisons if by_row == 1.0 else comparisons // 3
        tasks = [(items, each, by_item, by_row, seeds) for seeds in chunks(count)]
        found = np.concatenate(list(workers.map(simulated_rows, tasks)))
        planted = f"{found[:, 3].mean():.4f} AUC" if by_row != 1.0 else ""
        compared = "simulated, errors by item and row" if by_item else "simulated, errors by row"
        for (test, unit), hits in zip(GIVEN.items(), found.T[:3], strict=True):
            setting = f"{items:,} items, {items * each:,} rows"
            yield Rate(test, unit, compared, setting, planted, int(hits.sum()), len(found), len(found))


def chunks(count: int, size: int = 25) -> list[range]:
    """Seeds in parts small enough to share out evenly."""
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def report(rates: Iterable[Rate], about: Sequence[str]) -> tuple[str, pd.DataFrame]:
    """The page and the table behind it."""
    frame = pd.DataFrame([rate.row() for rate in rates])
    frame["nominal"] = frame["rate"].between(*NOMINAL).where(frame["planted"] == "")
    shown = frame.assign(
        rate=frame["rate"].map("{:.3f}".format),
        interval=[f"{low:.3f} to {high:.3f}" for low, high in frame[["low", "high"]].to_numpy()],
        verdict=[
            "" if planted else verdict(rate) for planted, rate in zip(frame["planted"], frame["rate"], strict=True)
        ],
    )
    same = shown[shown["planted"] == ""].sort_values("test", key=places, kind="stable")
    columns = ["test", "unit", "compared", "setting", "comparisons", "rate", "interval", "verdict"]
    found = shown[shown["planted"] != ""].sort_values("test", kind="stable")
    page = [
        "# Calibration of the tests",
        *about,
        f"## A/A: how often a test finds a difference at {ALPHA} where there is none",
        tabulate(same[columns], columns, tablefmt="github", showindex=False, disable_numparse=True),
        "## Power: how often it finds a planted one",
        tabulate(
            found[["test", "setting", "compared", "planted", "comparisons", "rate", "interval"]],
            ["test", "setting", "compared", "planted", "comparisons", "power", "interval"],
            tablefmt="github",
            showindex=False,
            disable_numparse=True,
        ),
    ]
    return "\n\n".join(page) + "\n", frame


def places(tests: pd.Series) -> pd.Series:
    """Sorts tests by the order in which they were measured."""
    return tests.map({test: place for place, test in enumerate(dict.fromkeys(tests))})


def verdict(rate: float) -> str:
    """In words."""
    return "nominal" if NOMINAL[0] <= rate <= NOMINAL[1] else "cautious" if rate < NOMINAL[0] else "too eager"


def main() -> None:
    """Trains, compares, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1500, help="seeds of base, each run twice")
    help_text = "of a test over rows or items; twice as many over seeds"
    parser.add_argument("--comparisons", type=int, default=1000, help=help_text)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "results" / "calibration")
    arguments = parser.parse_args()
    started = time.perf_counter()
    sizes = {method: int(share * arguments.pairs) for method, share in METHODS.items()}
    deviations = []
    with ProcessPoolExecutor(arguments.jobs, get_context("spawn")) as workers:
        waiting = []
        for method, size in sizes.items():
            values = np.concatenate(list(workers.map(aucs, [(method, seeds) for seeds in chunks(size)])))
            print(f"{method}: {size} seeds after {time.perf_counter() - started:.0f} s", flush=True)
            pool = Pool(method, values, 2 * arguments.comparisons)
            waiting.append(workers.submit(of_pool, pool))
            own = values[:, 0].std(axis=0).mean() * 2**0.5
            deviations.append(f"{method} {pool.deviation:.4f} (with own pretraining {own:.4f})")
        of_rows = [*of_trained(workers, arguments.comparisons), *of_simulated(workers, arguments.comparisons)]
        rates = [rate for future in waiting for rate in future.result()] + of_rows
    seeds = " and ".join(f"{size:,} seeds of {method}" for method, size in sizes.items())
    about = [
        f"Written by `make calibrate`: FM on `synthetic[{DATA}]`, {seeds}, each pretrained once and run twice; "
        f"{time.perf_counter() - started:,.0f} s on {arguments.jobs} processes; "
        f"coldbench {versions()['coldbench']}, torch {versions()['torch']}, scipy {versions()['scipy']}.",
        "Where seeds are dealt more than once to make up the comparisons, the interval (Wilson, 95 %) counts only "
        f"those that share no seed. Nominal: a rate from {NOMINAL[0]} to {NOMINAL[1]}. SD: the standard deviation of "
        f"the difference of two runs on one pretrained backbone, in AUC: {'; '.join(deviations)}.",
    ]
    page, frame = report(rates, about)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "README.md").write_text(page)
    frame.to_csv(arguments.out / "rates.csv", index=False, float_format="%.6g")
    print(page)


if __name__ == "__main__":
    main()
