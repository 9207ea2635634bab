"""``make study``: tunes and runs every part of the study, then writes the tables that its reading quotes.

results/study/DESIGN.md says what is asked and how. Every command is one of ``coldbench`` and resumes where it was
interrupted. A part leaves its scores of every seed in results/study, and the tables are made from those: the parts can
run at different times and on different machines, and a part that is not there yet leaves the others readable.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from processes import SOME_FAILED
from study_tables import SCORES, measured, too_wide, write_tables

from coldbench.runs.folder import FITTED, PRETRAINED

ROOT = Path(__file__).parent.parent
WORK = ROOT / "results" / "study-run"
RESULTS = ROOT / "results" / "study"
SEARCH = "--samples 8 --seeds 3 --fields item_lr,item_epochs"
# none of a search by shots is stopped early, since the first shot says little of the sixtieth
SEARCHES = {"budgets": SEARCH, "shots": f"{SEARCH} --scheduler none"}
BUDGETS = "--protocol matched --budget 1,3,10"
SHOTS = (0, 1, 2, 5, 10, 20, 40, 60)
SEEDS = 5
MORE_SEEDS = 10  # of methods with intervals wider than the margin
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

    def commands(self, seeds: int, search: bool) -> Iterator[str]:
        """The commands of the part, in order: a search per condition, its choice on the test, and the defaults.

        Without ``search`` the test takes what an earlier search chose, under each condition that one was made for.
        """
        what = f"--datasets '{self.datasets}' --backbones {self.backbones} --methods '{self.methods}' "
        what += f"--set training.pretrain_epochs={self.epochs} {self.more}".strip()
        folder = WORK / self.name
        for condition, flags in self.conditions.items():
            if search:
                yield f"tune {what} {flags} {SEARCHES[condition]} --out {folder / condition}"
            elif not self.kept(condition).exists():
                continue
            yield self.chosen(condition, seeds, search)
        yield f"run {what} {self.conditions['shots']} --seeds {seeds} --out {folder / 'run'}"

    def chosen(self, condition: str, seeds: int, search: bool) -> str:
        """The command that runs on the test what the search of a condition chose, or an earlier one."""
        folder = WORK / self.name
        values = folder / condition / "best.toml" if search else self.kept(condition)
        return f"run --config {values} --seeds {seeds} --out {folder / 'run'}"

    def measured(self) -> pd.DataFrame:
        """What the part's cells measured; a log whose name another part uses has the part's name."""
        frame = measured(WORK / self.name / "run")
        return frame if self.cache is None else frame.assign(dataset_name=self.name)

    def kept(self, condition: str) -> Path:
        """Where results/study has what the search of a condition chose."""
        return RESULTS / self.name / f"{condition}.toml"


SMALL = 5  # epochs of pretraining on a log with fewer than 220,000 rows in base
NO_EMERG = "paper,csdm,creu,gme,controls"
SOME = "base,dropoutnet,meta_e,cvar,avaew,generator,knn_content"
PARTS = (
    Part("ml-1m", "ml-1m", methods=NO_EMERG),
    Part("ml-1m-backbones", "ml-1m", "ipnn,dcnv2", NO_EMERG, budgets=False),
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
    Part("emerg", "ml-1m", "deepfm,ipnn,dcnv2", "base,emerg", budgets=False),
)


def show(command: str, cache: Path | None) -> None:
    """Prints a command of ``coldbench`` as one would type it in the project's folder."""
    words = ["coldbench", command] if cache is None else [f"COLDBENCH_CACHE={cache}", "coldbench", command]
    print(" ".join(words).replace(f"{ROOT}/", ""), flush=True)


def call(command: str, cache: Path | None) -> None:
    """Prints a command of ``coldbench`` and runs it, with a cache of its own if there is one.

    Raises:
        CalledProcessError: It failed. Some trials of a search may fail, since a method diverges at a large step size.
    """
    show(command, cache)
    more = {} if cache is None else {"COLDBENCH_CACHE": str(cache)}
    words = [sys.executable, "-m", "coldbench", *shlex.split(command)]
    done = subprocess.run(words, cwd=ROOT, env=os.environ | more)
    if not (done.returncode == SOME_FAILED and command.startswith("tune ")):
        done.check_returncode()


def share_stages(part: Part) -> None:
    """Gives all searches of a part what the first one pretrained and fitted; the keys in the files' names fit both."""
    first, *others = (WORK / part.name / condition for condition in part.conditions)
    for stage, other in itertools.product((PRETRAINED, FITTED), others):
        if (first / stage).is_dir():
            shutil.copytree(first / stage, other / stage, dirs_exist_ok=True)


def run(part: Part, seeds: int, search: bool) -> None:
    """Runs a part's commands, with more seeds where intervals are wide, and keeps what tables and reading need."""
    for command in part.commands(seeds, search):
        if command.startswith("tune "):
            share_stages(part)
        call(command, part.cache)
    scores = part.measured()
    if seeds < MORE_SEEDS and (wide := too_wide(scores, seeds)):
        call(f"{part.chosen('shots', MORE_SEEDS, search)} --methods '{','.join(['base', *wide])}'", part.cache)
        scores = part.measured()
    ran, target = WORK / part.name / "run", RESULTS / part.name
    shutil.rmtree(target / "figures", ignore_errors=True)  # an earlier run's may have other names
    (target / "figures").mkdir(parents=True)
    scores.to_csv(target / SCORES, index=False)
    for name in COPIED:
        if (ran / "report" / name).exists():
            shutil.copy(ran / "report" / name, target)
    for kind in FIGURES:
        for figure in (ran / "report").glob(f"figures/*-{kind}.svg"):
            shutil.copy(figure, target / "figures")
    if search:
        for condition in part.conditions:
            shutil.copy(WORK / part.name / condition / "best.toml", part.kept(condition))


def main() -> None:
    """Runs the asked parts, then writes the tables over all parts that are there."""
    known = {part.name: part for part in PARTS}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(known), help=f"some of {', '.join(known)}")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="seeds of the test")
    parser.add_argument("--chosen", action="store_true", help="take what results/study says was chosen: no search")
    parser.add_argument("--dry-run", action="store_true", help="print the commands, and stop")
    asked = parser.parse_args()
    names = asked.parts.split(",")
    if unknown := set(names) - set(known):
        parser.error(f"no part is called {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    if asked.dry_run:
        for name in names:
            for command in known[name].commands(asked.seeds, not asked.chosen):
                show(command, known[name].cache)
        return
    failed = []
    for name in names:
        try:
            run(known[name], asked.seeds, not asked.chosen)
        except subprocess.CalledProcessError as error:  # the other parts do not need this one
            failed.append(f"{name}: exit code {error.returncode}; the same command goes on where it ended")
    write_tables(list(known), RESULTS)
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
