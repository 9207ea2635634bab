"""The order in which a run's tasks are handed out, and how they are counted; no Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from coldbench.runs import grid
from coldbench.runs.folder import Folder
from coldbench.runs.jobs import Compute, Fit, Pretrain, Workshop
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.runs.queue import TRIES, Queue, computations
from coldbench.runs.session import Session

TINY = ("synthetic.interactions=4000", "synthetic.items=100", "synthetic.users=200", "synthetic.n=30", "synthetic.k=3")


def plan(tmp_path: Path, **flags: str):
    asked = {"methods": "base,dropoutnet,cvar", "backbones": "fm", "seeds": "2", "out": str(tmp_path)} | flags
    return make_plan(read_options({**asked, "set": TINY}, None))


@pytest.fixture
def folder(tmp_path) -> Folder:
    folder = Folder(tmp_path)
    folder.prepare()
    return folder


def queue_of(cells, folder):
    return Queue(computations(cells), folder)


def pretrained(cells, folder, datasets):
    """A folder with the backbones of some cells."""
    (dataset,) = datasets.values()
    for cell in cells:
        Workshop({cell.dataset.label: dataset}, folder).pretrained(cell, cell.on(dataset))


def test_a_cell_waits_for_its_backbone_and_for_no_other(tmp_path, folder):
    todo = plan(tmp_path).cells
    queue = queue_of(todo, folder)
    backbones = [queue.next() for _ in range(4)]  # two seeds, and dropoutnet's own
    assert all(isinstance(job, Pretrain) for job in backbones)
    assert len({job.makes for job in backbones}) == 4
    assert queue.next() is None
    assert not queue.finished
    assert queue.ended(backbones[0], True, 1.0) == []
    freed = [queue.next(), queue.next()]
    assert {job.cells[0].method.name for job in freed} == {"base", "cvar"}
    assert {job.cells[0].pretrained_key for job in freed} == {backbones[0].makes}
    assert queue.next() is None
    for job in backbones[1:]:
        queue.ended(job, True, 1.0)
    rest = [queue.next() for _ in range(4)]
    assert {job.cells[0] for job in [*rest, *freed]} == set(todo)
    assert queue.next() is None
    assert queue.running == 6
    assert not queue.finished  # a worker may die
    for job in [*rest, *freed]:
        queue.ended(job, True, 1.0)
    assert queue.finished


def test_cells_that_differ_only_after_fit_wait_for_one_fit_per_seed(tmp_path, folder):
    todo = plan(tmp_path, methods="base,cvar", protocol="matched", budget="1,3,10").cells
    queue = queue_of(todo, folder)
    jobs = []
    while (job := queue.next()) is not None:
        jobs.append(job)
        if not isinstance(job, Compute):
            queue.ended(job, True, 1.0)
    fits = [job for job in jobs if isinstance(job, Fit)]
    assert {job.cells[0].method.name for job in fits} == {"cvar"}  # base has nothing to fit
    assert len(fits) == 2
    assert sum(isinstance(job, Pretrain) for job in jobs) == 2
    assert sum(isinstance(job, Compute) for job in jobs) == len(todo) == 12
    first = jobs.index(next(job for job in jobs if isinstance(job, Compute) and job.cells[0].fits))
    assert jobs.index(fits[0]) < first


def test_what_took_longest_comes_first_so_that_no_worker_starts_it_when_the_others_are_done(tmp_path, folder):
    made = plan(tmp_path, methods="base,cvar,avaew")
    pretrained([cell for cell in made.cells if cell.method.name == "base"], folder, made.datasets)
    queue = queue_of(made.cells, folder)
    for seconds in (1.0, 9.0, 4.0):  # nobody has timed them yet: in the run's own order
        job = queue.next()
        queue.ended(job, True, seconds)
    assert job.cells[0].method.name == "avaew"
    assert [queue.next().cells[0].method.name for _ in range(3)] == ["cvar", "avaew", "base"]


def test_a_method_on_another_backbone_is_expected_to_take_as_long(tmp_path, folder):
    made = plan(tmp_path, methods="base,cvar", backbones="fm,wide_deep", seeds="1")
    pretrained([cell for cell in made.cells if cell.method.name == "base"], folder, made.datasets)
    queue = queue_of(made.cells, folder)
    for seconds in (1.0, 9.0):
        job = queue.next()
        assert job.cells[0].backbone.name == "fm"
        queue.ended(job, True, seconds)
    assert [queue.next().cells[0].method.name for _ in range(2)] == ["cvar", "base"]


def test_a_lost_backbone_takes_its_cells_with_it_and_the_others_go_on(tmp_path, folder):
    made = plan(tmp_path)
    pretrained([cell for cell in made.cells if cell.seed == 1], folder, made.datasets)
    queue = queue_of(made.cells, folder)
    first, second = queue.next(), queue.next()
    assert {first.cells[0].seed, second.cells[0].seed} == {0}
    lost = queue.ended(first, False, 1.0)
    assert {job.cells[0].pretrained_key for job in lost} == {first.makes}
    lost += queue.ended(second, False, 1.0)
    handed = [queue.next() for _ in range(3)]
    assert {job.cells[0].seed for job in handed} == {1}
    assert {job.cells[0] for job in [*lost, *handed]} == set(made.cells)


def test_a_lost_backbone_takes_the_fits_on_it_with_it(tmp_path, folder):
    todo = plan(tmp_path, methods="cvar", seeds="1", protocol="matched", budget="1,3").cells
    queue = queue_of(todo, folder)
    lost = queue.ended(queue.next(), False, 1.0)
    assert {job.cells[0] for job in lost if isinstance(job, Compute)} == set(todo)
    assert queue.finished


def test_stages_that_were_lost_are_made_anew_for_a_job_that_comes_later(tmp_path, folder):
    todo = plan(tmp_path, methods="cvar", seeds="1", protocol="matched", budget="1,3").cells
    later = []

    class Source:
        empty = property(lambda self: not later)

        def next(self, waiting):
            return later.pop() if later else None

    queue = Queue(computations(todo), folder, Source())
    assert len(queue.ended(queue.next(), False, 1.0)) == 3  # two cells and their fit
    later += computations(todo[:1])
    kinds = []
    while (job := queue.next()) is not None:
        kinds.append(type(job))
        queue.ended(job, True, 1.0)
    assert kinds == [Pretrain, Fit, Compute]
    assert queue.finished


def test_a_job_whose_worker_died_is_done_again_but_not_for_ever(tmp_path, folder):
    queue = queue_of(plan(tmp_path).cells[:1], folder)
    for left in range(TRIES - 1, -1, -1):
        job = queue.next()
        assert isinstance(job, Pretrain)
        assert not queue.finished
        assert queue.again(job) == (left > 0)
    assert [each.cells for each in queue.ended(job, False, 1.0)] == [job.cells]
    assert queue.finished


def test_a_stopped_queue_ends_with_what_runs(tmp_path, folder):
    queue = queue_of(plan(tmp_path).cells, folder)
    job = queue.next()
    queue.stop()
    assert queue.next() is None
    assert not queue.finished
    queue.ended(job, True, 1.0)
    assert queue.finished


def test_a_failed_cell_that_another_run_finished_meanwhile_is_counted_once(tmp_path, monkeypatch):
    made = plan(tmp_path, methods="base")

    def beside_another(session, queue, desk):
        first = Compute(made.cells[:1])
        desk.failed(first, "its worker died", 1.0, [])
        list(first.run(Workshop(made.datasets, session.folder)))
        return False

    monkeypatch.setattr(Session, "work", beside_another)
    progressed = grid.run(made)
    assert (len(progressed.failures), progressed.unfinished) == (1, 1)  # the second cell was never computed
