"""The order in which a run's tasks are handed out, and how they are counted; no Ray."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from coldbench.run import grid
from coldbench.run.options import read_options
from coldbench.run.plan import make_plan
from coldbench.run.queue import TRIES, Queue, Task

TINY = ("synthetic.interactions=4000", "synthetic.items=100", "synthetic.users=200", "synthetic.n=30", "synthetic.k=3")


def cells(tmp_path: Path) -> tuple:
    flags = {"methods": "base,dropoutnet,cvar", "backbones": "fm", "seeds": "2", "set": TINY, "out": str(tmp_path)}
    return make_plan(read_options(flags, None)).cells


def test_a_cell_waits_for_its_backbone_and_for_no_other(tmp_path):
    todo = cells(tmp_path)
    queue = Queue(todo, set())
    backbones = [queue.next() for _ in range(4)]  # two seeds, and dropoutnet's own
    assert all(task.pretrains for task in backbones)
    assert len({task.cell.pretrained_key for task in backbones}) == 4
    assert queue.next() is None
    assert not queue.finished
    freed = queue.ended(backbones[0], True, 1.0)
    assert {cell.method.name for cell in freed} == {"base", "cvar"}
    assert [queue.next(), queue.next()] == [Task(cell, False) for cell in freed]
    assert queue.next() is None
    for task in backbones[1:]:
        queue.ended(task, True, 1.0)
    rest = [queue.next() for _ in range(4)]
    assert {*(task.cell for task in rest), *freed} == set(todo)
    assert queue.next() is None
    assert queue.running == 6
    assert not queue.finished  # a worker may die
    for task in [*rest, *(Task(cell, False) for cell in freed)]:
        queue.ended(task, True, 1.0)
    assert queue.finished


def test_what_took_longest_comes_first_so_that_no_worker_starts_it_when_the_others_are_done(tmp_path):
    flags = {"methods": "base,cvar,avaew", "backbones": "fm", "seeds": "2", "set": TINY, "out": str(tmp_path)}
    todo = make_plan(read_options(flags, None)).cells
    queue = Queue(todo, {cell.pretrained_key for cell in todo})
    for seconds in (1.0, 9.0, 4.0):  # nobody has timed them yet: in the run's own order
        task = queue.next()
        queue.ended(task, True, seconds)
    assert task.cell.method.name == "avaew"
    assert [queue.next().cell.method.name for _ in range(3)] == ["cvar", "avaew", "base"]


def test_a_lost_backbone_takes_its_cells_with_it_and_the_others_go_on(tmp_path):
    todo = cells(tmp_path)
    there = {cell.pretrained_key for cell in todo if cell.seed == 1}
    queue = Queue(todo, there)
    first, second = queue.next(), queue.next()
    assert {first.cell.seed, second.cell.seed} == {0}
    lost = queue.ended(first, False, 1.0)
    assert {cell.pretrained_key for cell in lost} == {first.cell.pretrained_key}
    lost += queue.ended(second, False, 1.0)
    handed = [queue.next() for _ in range(3)]
    assert {task.cell.seed for task in handed} == {1}
    assert {*lost, *(task.cell for task in handed)} == set(todo)


def test_a_task_whose_worker_died_is_done_again_but_not_for_ever(tmp_path):
    queue = Queue(cells(tmp_path)[:1], set())
    for left in range(TRIES - 1, -1, -1):
        task = queue.next()
        assert task.pretrains
        assert not queue.finished
        assert queue.again(task) == (left > 0)
    assert queue.ended(task, False, 1.0) == [task.cell]
    assert queue.finished


def test_a_stopped_queue_ends_with_what_runs(tmp_path):
    queue = Queue(cells(tmp_path), set())
    task = queue.next()
    queue.stop()
    assert queue.next() is None
    assert not queue.finished
    queue.ended(task, True, 1.0)
    assert queue.finished


def test_a_failed_cell_that_another_run_finished_meanwhile_is_counted_once(tmp_path, monkeypatch):
    flags = {"methods": "base", "backbones": "fm", "seeds": "2", "set": TINY, "out": str(tmp_path)}
    plan = make_plan(read_options(flags, None))

    def beside_another(plan, folder, todo, watch, failed):
        first = todo[0]
        failed.append(grid.Failure(first, "its worker died"))
        (dataset,) = plan.datasets.values()
        pretrained = first.pretrain(dataset)
        folder.save(first, dataset, pretrained, *first.warm_up(dataset, pretrained))

    monkeypatch.setattr(grid, "_run", beside_another)
    monkeypatch.setattr(grid, "connected", lambda options: nullcontext())
    came = grid.run(plan)
    assert (len(came.failures), came.unfinished) == (1, 1)  # the second cell was never computed
