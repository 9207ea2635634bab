"""The estimate of ``coldbench run --dry-run``: what is counted, and that it is near what the run takes."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.conformance import subject
from coldbench.core.storage import place
from coldbench.model.batching import starts
from coldbench.runs import estimate as module
from coldbench.runs import probe
from coldbench.runs.estimate import Costs, duration, estimate, measured, packed, timed
from coldbench.runs.folder import Folder
from coldbench.runs.jobs import Compute, Fit, Pretrain
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.runs.probe import Cost, Probe, by_slope, part
from coldbench.runs.queue import Queue, computations

SIZES = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
SMALL = [f"synthetic.{size}" for size in SIZES] + ["training.batch_size=256"]
LINE = r"about \d+ (s|min).* on 2 workers \(\d+ .*of computing\), measured on a few batches of each model here"
BROKEN = '''"""A method whose fit raises (you 2026)."""

from dataclasses import dataclass

from coldbench.plugin import Method, MethodConfig


@dataclass(frozen=True)
class Config(MethodConfig):
    """None of its own."""


class Broken(Method):
    """Raises."""

    def fit(self, backbone, base):
        """Raises."""
        raise ValueError("no such luck")
'''


@pytest.fixture
def plan(tmp_path):
    def make(**flags):
        given = {"backbones": "fm", "seeds": "2", "jobs": 2, "set": SMALL, "out": str(tmp_path / "out"), **flags}
        return make_plan(read_options(given, None))

    return make


def jobs(plan, costs=None):
    """The jobs of all cells with their seconds; a stage costs 100 or 10, phases 1, and what a job adds nothing."""
    kinds = [module._kind(cell) for cell in plan.cells]
    costs = costs or Costs(
        {kind.pretrained_key: 100.0 for kind in kinds},
        {kind.fitted_key: 10.0 for kind in kinds},
        {kind.key: 1.0 for kind in kinds},
    )
    folder = Folder(place(plan.options.out))
    todo = [cell for cell in plan.cells if folder.record(cell) is None]
    return timed(Queue(computations(todo), folder).waiting, costs, folder)


def test_a_line_through_two_parts_leaves_out_what_is_fixed():
    called = []

    def work(batches):
        called.append(batches)
        return 0.5 + 0.03 * batches

    cost = by_slope(work, 400)
    assert cost.of(400) == pytest.approx(12.5)
    assert called == [2, 8, 32]  # the first is long enough not to be repeated


def test_the_clocks_noise_does_not_pass_for_a_slope_where_much_is_fixed():
    """A stage on tables of a million rows takes seconds before its first batch, and not always the same."""
    random = np.random.default_rng(0)
    for _ in range(20):
        cost = by_slope(lambda batches: 2.0 * (1 + 0.05 * random.uniform(-1, 1)) + 0.01 * batches, 1700)
        assert cost.of(1700) == pytest.approx(19.0, rel=0.3)


def test_fast_work_is_measured_on_all_of_it_and_its_first_call_does_not_count():
    called = []

    def work(batches):
        called.append(batches)
        return 0.09 if len(called) == 1 else 1e-4 * batches

    assert by_slope(work, 37).of(37) == pytest.approx(37e-4)
    assert called == [2, 2, 8, 32, 37]
    assert by_slope(lambda batches: 0.02 * batches, 1) == Cost(0.02, 0.0)


def test_a_part_has_its_share_of_the_rows_and_few_enough_items(dataset, split, monkeypatch):
    assert part(dataset, split.base, 1.0).tolist() == split.base.tolist()
    some = part(dataset, split.base, 0.25)
    assert len(some) == round(0.25 * len(split.base))
    assert (np.diff(some) > 0).all()
    assert np.isin(some, split.base).all()
    monkeypatch.setattr(probe, "_ITEMS", 4)
    few = part(dataset, split.base, 0.05)
    assert len(few) == round(0.05 * len(split.base))
    assert len(np.unique(dataset.item[few])) < len(np.unique(dataset.item[split.base])) / 2


def test_stages_are_counted_once_however_many_cells_share_them(plan, monkeypatch):
    monkeypatch.setattr(module, "_JOB", 0.0)
    found = jobs(plan(methods="base,cvar", protocol="strict,matched"))
    kinds = [type(job) for job in found]
    assert (kinds.count(Pretrain), kinds.count(Fit), kinds.count(Compute)) == (2, 2, 8)
    assert sum(found.values()) == 2 * 100 + 2 * 10 + 8 * 1 + 4 * 10  # base has no fit to share: each cell does it
    found = jobs(plan(methods="base,cvar"))
    assert sum(found.values()) == 2 * 100 + 4 * (10 + 1)  # one protocol: the cell fits its method itself


def test_what_is_finished_costs_nothing(plan, save_cell, monkeypatch):
    monkeypatch.setattr(module, "_JOB", 0.0)
    asked = plan(methods="base,dropoutnet")
    folder = Folder(place(asked.options.out))
    folder.prepare()
    before = sum(jobs(asked).values())
    save_cell(folder, asked.cells[0], subject.load())
    assert before - sum(jobs(asked).values()) == 100 + 10 + 1  # the cell, and the backbone of its seed
    for cell in asked.cells[1:]:
        save_cell(folder, cell, subject.load())
    assert jobs(asked) == {}
    flags = ["--methods", "base,dropoutnet", "--backbones", "fm", "--seeds", "2", *(f"--set={pair}" for pair in SMALL)]
    result = CliRunner().invoke(main, ["run", "--dry-run", *flags, "--out", asked.options.out])
    assert result.output.splitlines()[-1] == "4 cells, 0 to do, 0 backbones to pretrain"


def test_jobs_go_to_the_next_free_worker_and_wait_for_their_stages(make_cell):
    cells = [make_cell(method=method) for method in ("base", "cvar", "dropoutnet")]
    shared = {Pretrain((cells[0],)): 5.0}
    alone = {Compute((cell,)): seconds for cell, seconds in zip(cells, (3.0, 10.0, 2.0), strict=True)}
    assert packed(shared | alone, 1) == 20.0
    assert packed(shared | alone, 2) == 15.0  # cvar, which has waited, and base and dropoutnet beside it
    assert packed(shared | alone, 9) == 15.0
    assert packed(alone, 2) == 10.0
    assert packed({}, 2) == 0.0


def test_the_first_of_each_kind_comes_first_and_then_the_longest(plan):
    asked = plan(methods="base,cvar", seeds="3")
    kinds = {cell.method.name: module._kind(cell) for cell in asked.cells}
    costs = Costs(phases={kinds["base"].key: 1.0, kinds["cvar"].key: 5.0})
    cells = [job.cells[0] for job in jobs(asked, costs) if isinstance(job, Compute)]
    order = [(cell.method.name, cell.seed) for cell in cells]
    assert order == [("base", 0), ("cvar", 0), ("cvar", 1), ("cvar", 2), ("base", 1), ("base", 2)]


def test_phases_scale_with_their_batches(plan, monkeypatch):
    (cell,) = plan(methods="base", seeds="1", shots="0,1,5,15").cells
    timing = Probe(cell, subject.load())
    monkeypatch.setattr(probe, "by_slope", lambda work, total: work(1) and Cost(0.0, 100.0))
    _, trained = timing.pretraining()
    _, fitted = timing.fitting(trained)
    sizes = [len(rows) for rows in cell.on(subject.load()).split.warm.values()]
    batches = [len(starts(size, 256)) for size in sizes]
    assert len(set(batches)) > 1
    assert timing.phases(trained, fitted) == pytest.approx(100 * sum(batches), abs=20)


def test_phases_take_the_steps_of_their_budget(plan, monkeypatch):
    taken = []
    monkeypatch.setattr(probe, "by_slope", lambda work, total: taken.append(work(total)) or Cost(0.0, 0.0))
    for cell in plan(methods="base", seeds="1", protocol="matched", budget="1,20").cells:
        trained = cell.on(subject.load()).pretrain()
        Probe(cell, subject.load()).phases(trained, cell.on(subject.load()).fit(trained))
    assert taken[1] > 4 * taken[0]


def test_the_estimate_is_near_what_the_cells_take(plan):
    asked = plan(methods="base,cvar", seeds="1")
    costs = measured(asked, asked.cells, print)
    assert costs.unknown == {}
    data = subject.load()
    began = time.process_time()
    trained = asked.cells[0].on(data).pretrain()
    for cell in asked.cells:
        stages = cell.on(data)
        list(stages.phases(trained, stages.fit(trained)))
    took = time.process_time() - began
    told = sum(jobs(asked, costs).values()) - 3 * module._JOB
    assert took / 3 < told < took * 3


def test_a_dry_run_says_how_long_and_writes_nothing(tmp_path):
    flags = ["--methods", "base,cvar", "--backbones", "fm", "--seeds", "3", "--jobs", "2"]
    threads = torch.get_num_threads()
    result = CliRunner().invoke(
        main, ["run", "--dry-run", *flags, *(f"--set={pair}" for pair in SMALL), "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 0, result.output
    *_, counts, line = result.stdout.splitlines()
    assert counts == "6 cells, 6 to do, 3 backbones to pretrain"
    assert re.match(LINE, line), line
    assert not (tmp_path / "out").exists()
    assert torch.get_num_threads() == threads


def test_a_method_that_raises_is_named_and_the_others_are_counted(tmp_path, plan):
    path = tmp_path / "broken.py"
    path.write_text(BROKEN)
    asked = plan(methods="base,broken,broken[item_lr=0.1]", seeds="1", plugin=(str(path),))
    line, sentence = estimate(asked, asked.cells, print)
    assert re.match(LINE, line), line
    label = asked.cells[0].dataset.label
    names = f"{label} / fm / broken / paper, {label} / fm / broken[item_lr=0.1] / paper"
    assert sentence == (f"the time of {names} is not known and not counted: ValueError: no such luck (line 18, in fit)")
    (only,) = estimate(asked, asked.cells[1:], print)
    assert only == sentence


def test_a_cluster_of_unknown_size_and_a_busy_machine_are_said(plan, monkeypatch):
    def known(plan, todo, say):
        kinds = [module._kind(cell) for cell in todo]
        return Costs(phases={kind.key: 100.0 for kind in kinds}, stretch=2.0)

    monkeypatch.setattr(module, "measured", known)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1}, raising=False)
    asked = plan(methods="base", seeds="4")
    (line,) = estimate(asked, asked.cells, print)
    assert line.startswith("about 8 min 50 s on 2 workers (6 min 40 s of computing)")  # 2 (12 + 2) + 2.5 x 201
    assert line.endswith(", while other programs slow this machine down 2.0 times")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {1}, raising=False)  # as a scheduler may do
    alone = plan(methods="base", seeds="4", jobs=None)
    assert " on 1 worker " in estimate(alone, alone.cells, print)[0]
    asked = plan(methods="base", seeds="4", jobs=None, address="10.0.0.1:6379")
    (line,) = estimate(asked, asked.cells, print)
    assert line.startswith("about 6 min 40 s of computing on as many workers as the cluster has")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (71, "1 min 10 s"),
        (3598, "1 h"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (4e6, "1,111 h 5 min"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
