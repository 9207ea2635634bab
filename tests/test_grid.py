"""The order in which a run's tasks are handed out; no Ray."""

from __future__ import annotations

from pathlib import Path

from coldbench.grid import Queue, Task
from coldbench.plan import make_plan, read_options

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
    freed = queue.ended(backbones[0].cell, True)
    assert {cell.method.name for cell in freed} == {"base", "cvar"}
    assert [queue.next(), queue.next()] == [Task(cell, False) for cell in freed]
    assert queue.next() is None
    for task in backbones[1:]:
        queue.ended(task.cell, True)
    rest = [queue.next().cell for _ in range(4)]
    assert {*rest, *freed} == set(todo)
    assert queue.finished
    assert queue.tasks == 10


def test_a_lost_backbone_takes_its_cells_with_it_and_the_others_go_on(tmp_path):
    todo = cells(tmp_path)
    there = {cell.pretrained_key for cell in todo if cell.seed == 1}
    queue = Queue(todo, there)
    first, second = queue.next(), queue.next()
    assert {first.cell.seed, second.cell.seed} == {0}
    lost = queue.ended(first.cell, False)
    assert {cell.pretrained_key for cell in lost} == {first.cell.pretrained_key}
    lost += queue.ended(second.cell, False)
    handed = [queue.next() for _ in range(3)]
    assert {task.cell.seed for task in handed} == {1}
    assert queue.finished
    assert {*lost, *(task.cell for task in handed)} == set(todo)
