"""``make study``: tunes and runs every part of the study, then writes the tables that its reading quotes.

results/study/DESIGN.md says what is asked and how. Every command is one of ``coldbench`` and resumes where it was
interrupted, so that the parts can run at different times, and a part that is not there yet leaves the others readable.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from study_tables import too_wide, write_tables

ROOT = Path(__file__).parent.parent
WORK = ROOT / "results" / "study-run"
RESULTS = ROOT / "results" / "study"
SEARCH = "--samples 8 --seeds 3 --fields item_lr,item_epochs"
BUDGETS = "--protocol matched --budget 1,3,10"
SHOTS = (0, 1, 2, 5, 10, 20, 40, 60)
SEEDS = 5
MORE_SEEDS = 10  # of methods with intervals wider than the margin
SOME_FAILED = 1  # exit code of coldbench
FIGURES = ("shots", "shots-difference", "budgets", "budgets-in-seconds")
COPIED = ("report.md", "table1.md", "table2.md", "tables.csv", "tests.csv")


@dataclass(frozen=True)
class Part:
    """One log or one question, with searches and runs of its own.

    Attributes:
        name: Its folder in results/study.
        datasets: What ``--datasets`` takes.
        backbones: What ``--backbones`` takes.
        methods: What ``--methods`` takes.
        most: The most interactions per new item that the log's K allows.
        epochs: Of pretraining.
        more: Further flags.
        budgets: Whether equal steps are asked about too.
        cache: COLDBENCH_CACHE, for a bundle whose name another part uses; None for the user's own.
    """

    name: str
    datasets: str
    backbones: str = "deepfm"
    methods: str = "all"
    most: int = 60
    epochs: int = 1
    more: str = ""
    budgets: bool = True
    cache: Path | None = None

    @property
    def conditions(self) -> dict[str, str]:
        """The flags of each condition, by the folder of its search."""
        shots = ",".join(str(each) for each in SHOTS if each <= self.most)
        by_shots = {"shots": f"--protocol strict --shots {shots}"}
        return {"budgets": BUDGETS, **by_shots} if self.budgets else by_shots

    def commands(self, seeds: int) -> Iterator[str]:
        """The commands of the part, in order: a search per condition, its choice on the test, and the defaults."""
        what = f"--datasets '{self.datasets}' --backbones {self.backbones} --methods '{self.methods}' "
        what += f"--set training.pretrain_epochs={self.epochs} {self.more}".strip()
        folder = WORK / self.name
        for condition, flags in self.conditions.items():
            yield f"tune {what} {flags} {SEARCH} --out {folder / condition}"
            yield self.chosen(condition, seeds)
        yield f"run {what} {self.conditions['shots']} --seeds {seeds} --out {folder / 'run'}"

    def chosen(self, condition: str, seeds: int) -> str:
        """The command that runs on the test what the search of a condition chose."""
        folder = WORK / self.name
        return f"run --config {folder / condition / 'best.toml'} --seeds {seeds} --out {folder / 'run'}"


SMALL = 5  # epochs of pretraining on a log with fewer than 220,000 rows in base
SOME = "base,dropoutnet,meta_e,cvar,avaew,generator,knn_content"
PARTS = (
    Part("ml-1m", "ml-1m"),
    Part("ml-1m-backbones", "ml-1m", "ipnn,dcnv2", "paper,csdm,creu,gme,controls"),
    Part("ml-latest", "ml-latest", epochs=SMALL),
    Part("movietweetings", "movietweetings", most=30, epochs=SMALL),
    Part("eb-nerd", "eb-nerd", epochs=SMALL),
    Part("ml-latest-small", "ml-latest", most=15, epochs=SMALL, cache=WORK / "data"),
    Part("release-ml-latest", "ml-latest", epochs=SMALL, more="--split 'release[at=0.5]'", budgets=False),
    Part(
        "release-movietweetings",
        "movietweetings",
        most=30,
        epochs=SMALL,
        more="--split 'release[at=0.1]'",
        budgets=False,
    ),
    Part("vectors-ml-1m", "ml-1m[fields=none],ml-1m[vectors=title]", methods=SOME, budgets=False),
    Part(
        "vectors-ml-latest",
        "ml-latest[fields=none],ml-latest[vectors=title]",
        methods=SOME,
        epochs=SMALL,
        budgets=False,
    ),
    Part("emerg", "ml-1m", "ipnn,dcnv2", "base,emerg", budgets=False),
)


def call(command: str, cache: Path | None = None, dry: bool = False) -> None:
    """Prints a command of ``coldbench`` and runs it, with a cache of its own if there is one.

    Raises:
        CalledProcessError: It failed. Some trials of a search may fail, since a method diverges at a large step size.
    """
    more = {} if cache is None else {"COLDBENCH_CACHE": str(cache)}
    shown = " ".join([*(f"{name}={value}" for name, value in more.items()), "coldbench", command])
    print(shown.replace(f"{ROOT}/", ""), flush=True)
    if not dry:
        words = [sys.executable, "-m", "coldbench", *shlex.split(command)]
        done = subprocess.run(words, cwd=ROOT, env=os.environ | more)
        if not (done.returncode == SOME_FAILED and command.startswith("tune ")):
            done.check_returncode()


def run(part: Part, seeds: int, dry: bool) -> None:
    """Runs a part's commands, with more seeds where intervals are wide, and copies what its reading needs."""
    for command in part.commands(seeds):
        call(command, part.cache, dry)
    if dry:
        return
    if seeds < MORE_SEEDS and (wide := too_wide(WORK / part.name / "run", seeds)):
        call(f"{part.chosen('shots', MORE_SEEDS)} --methods '{','.join(['base', *wide])}'", part.cache)
    target = RESULTS / part.name
    (target / "figures").mkdir(parents=True, exist_ok=True)
    report = WORK / part.name / "run" / "report"
    for name in COPIED:
        if (report / name).exists():
            shutil.copy(report / name, target)
    for kind in FIGURES:
        for figure in report.glob(f"figures/*-{kind}.svg"):
            shutil.copy(figure, target / "figures")
    for condition in part.conditions:
        shutil.copy(WORK / part.name / condition / "best.toml", target / f"{condition}.toml")


def main() -> None:
    """Runs the asked parts, then writes the tables over all parts that are there."""
    known = {part.name: part for part in PARTS}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(known), help=f"some of {', '.join(known)}")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of the test")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, and stop")
    asked = parser.parse_args()
    names = asked.parts.split(",")
    if unknown := set(names) - set(known):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    failed = []
    for name in names:
        try:
            run(known[name], asked.seeds, asked.dry_run)
        except subprocess.CalledProcessError as error:  # the other parts do not need this one
            failed.append(f"{name}: exit code {error.returncode}; the same command goes on where it ended")
    if not asked.dry_run:
        write_tables({part.name: WORK / part.name / "run" for part in PARTS}, RESULTS)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
