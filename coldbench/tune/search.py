"""Hyper-parameter search on Ray Tune: one experiment a study, its trials resumable from the run's folder."""

from __future__ import annotations

import io
import math
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

import torch
from rich.console import Console

from coldbench.core.storage import place
from coldbench.plugins import registry
from coldbench.plugins.file import PluginFile
from coldbench.run.cluster import at_once, connected, reach
from coldbench.run.engine import THREADS
from coldbench.run.folder import Folder
from coldbench.run.grid import resources
from coldbench.run.options import Options
from coldbench.run.plan import Plan
from coldbench.tune.samplers import Proposals, Values, proposals
from coldbench.tune.studies import PHASES, Study, TuneOptions, curve, studies
from coldbench.tune.trials import Made, Trial, Trials

_REDUCTION = 3  # of ASHA (Li et al. 2020, arXiv:1810.05934): the better third of the trials goes on
_GRACE = 2  # points of evaluation before a trial may be stopped: cold and warm-a


def tune(options: Options, how: TuneOptions) -> Made:
    """Makes the trials that the folder lacks, and returns all.

    Raises:
        InputError: Anything that the user can put right.
    """
    plan, asked = studies(options, how)
    if options.address:
        reach(options.address)
    folder = Folder(place(options.out))
    trials = Trials(folder.path)
    searches = {study.name: _search(study, how, trials.of(study)) for study in asked}
    folder.prepare()
    if any(left for _, left in searches.values()):
        with connected(options):
            for study in asked:
                _experiment(study, *searches[study.name], how, plan, folder)
    return [(study, trials.of(study)) for study in asked]


def _search(study: Study, how: TuneOptions, known: Sequence[Trial]) -> tuple[Proposals, int]:
    """What to try, after what is known, and how many trials are left."""
    cell = study.cells[0]
    seed = (cell.dataset.name, cell.backbone.name, cell.method.name, how.search)
    search, samples = proposals(how.search, study.space, how.samples, study.full({}), *seed)
    for trial in known:
        search.know(trial.values, trial.score)
    return search, max(samples - len(known), 0)


def _experiment(study: Study, search: Proposals, samples: int, how: TuneOptions, plan: Plan, folder: Folder) -> None:
    """Runs one study's trials as one Ray Tune experiment."""
    if not samples:
        return
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler, FIFOScheduler
    from ray.tune.search import Searcher

    trials, console = Trials(folder.path), Console(stderr=True, highlight=False)
    before = 1 + max((trial.number for trial in trials.of(study)), default=-1)

    def ended(values: Values, scores: list[float], seconds: float, reason: str | None) -> None:
        nonlocal before
        last = len(scores) == PHASES * len(study.cells)
        state = "failed" if reason else "finished" if last else "stopped"
        trial = Trial(study.name, before, study.full(values), scores, state, seconds, reason)
        before += state != "failed"
        trials.save(study, trial)
        search.tell(values, trial.score)
        score = f"{scores[-1]:.4f}" if scores else ""
        text = ", ".join(f"{target.partition('.')[2]} {value}" for target, value in trial.values.items())
        console.print(f"{study.name}: {state} {score} {reason or ''} {text}", markup=False, soft_wrap=True)

    class Curve(tune.Trainable):
        def setup(self, config: dict[str, Any], plugins: Sequence[PluginFile] = (), **shared: Any) -> None:
            torch.set_num_threads(THREADS)
            registry.use(plugins)
            self.shared = shared
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            cells = pickle.loads(new_config["cells"])
            self.last = PHASES * len(cells)
            self.points = curve(cells, **self.shared)
            return True

        def step(self) -> dict[str, Any]:
            try:
                _, score = next(self.points)
            except Exception as error:  # a plugin may raise anything; the other trials go on
                return {"score": -math.inf, "failed": f"{type(error).__name__}: {error}", "done": True}
            return {"score": score, "failed": None, "done": self.iteration + 1 == self.last}

        def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
            return {}  # a trial that is cut off is made again

        def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
            pass

    class Listener(tune.Callback):
        def __init__(self, ended: Callable[..., None]) -> None:
            self.ended = ended
            self.scores: dict[str, list[float]] = {}
            self.started: dict[str, float] = {}
            self.over: set[str] = set()

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Tune keeps a copy of its callbacks on disk; this one only lives here

        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self.started.setdefault(trial.trial_id, time.monotonic())

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            if result["failed"]:
                self._end(trial, result["failed"])
            else:
                self.scores.setdefault(trial.trial_id, []).append(result["score"])

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self._end(trial, None)

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            self._end(trial, "its worker died (out of memory?)")

        def _end(self, trial: Any, reason: str | None) -> None:
            if trial.trial_id not in self.over:  # else its worker died after it had ended
                self.over.add(trial.trial_id)
                now = time.monotonic()
                seconds = now - self.started.pop(trial.trial_id, now)
                self.ended(trial.config["values"], self.scores.pop(trial.trial_id, []), seconds, reason)

    class Asked(Searcher):
        def __init__(self, search: Proposals, study: Study) -> None:
            super().__init__(metric="score", mode="max")
            self.search, self.study = search, study

        def __getstate__(self) -> dict[str, Any]:
            return {}

        def suggest(self, trial_id: str) -> dict[str, Any]:
            values = self.search.ask()
            return {"values": values, "cells": pickle.dumps(self.study.at(values))}

        def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
            pass  # the listener tells

        def save(self, checkpoint_path: str) -> None:
            pass  # the trials' files are what a search goes on from

        restore = save

    last = PHASES * len(study.cells)
    scheduler = (
        ASHAScheduler(max_t=last, grace_period=_GRACE, reduction_factor=_REDUCTION)
        if how.scheduler == "asha"
        else FIFOScheduler()
    )
    shared = {"metric": study.metric, "datasets": plan.datasets, "folder": folder, "plugins": registry.in_use()}
    with tempfile.TemporaryDirectory(prefix="coldbench-") as scratch:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(Curve, **shared), resources(plan.options, plan.cells[0].device)),
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                search_alg=Asked(search, study),
                scheduler=scheduler,
                num_samples=samples,
                max_concurrent_trials=at_once(plan.options),
                reuse_actors=True,
                trial_dirname_creator=lambda trial: trial.trial_id,
            ),
            run_config=tune.RunConfig(storage_path=scratch, name="trials", verbose=0, callbacks=[Listener(ended)]),
        )
        with redirect_stdout(io.StringIO()):  # Tune announces every experiment there
            tuner.fit()
