"""Adam against torch's own, dense and lazy; steps, budgets and rows are counted."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import pytest
import torch
from torch import nn

from coldbench.model.batching import starts
from coldbench.model.budget import Budget
from coldbench.model.embedding import lazy_above, lookup
from coldbench.model.optimizer import Adam
from coldbench.model.phase import step
from coldbench.model.settings import Settings
from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry


def pair(value, **settings):
    """Two copies of a table, one under torch's Adam, one under ours."""
    ours, theirs = (nn.Parameter(value.clone()) for _ in range(2))
    rates = {"lr": 1e-3, "weight_decay": 1e-6} | settings
    return ours, theirs, Adam(Budget(), [ours], rates["lr"], rates["weight_decay"]), torch.optim.Adam([theirs], **rates)


def test_adam_is_torchs_adam():
    start = [torch.randn(5, 3), torch.randn(4)]
    ours, theirs = ([nn.Parameter(value.clone()) for value in start] for _ in range(2))
    budget = Budget()
    optimizers = [Adam(budget, ours, 1e-3, 1e-2), torch.optim.Adam(theirs, lr=1e-3, weight_decay=1e-2)]
    for _ in range(20):
        for optimizer, (first, second) in zip(optimizers, (ours, theirs), strict=True):
            optimizer.zero_grad()
            (first.square().sum() + (second - 1).abs().sum()).backward()
            optimizer.step()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)
    assert budget.taken == 20


def test_a_parameter_takes_part_from_its_first_gradient_on():
    """Two losses in turn on one optimiser: each parameter is moved as torch moves it, from a state of its own."""
    ours, theirs = ([nn.Parameter(torch.ones(3)) for _ in range(2)] for _ in range(2))
    for parameters, optimizer in ((ours, Adam(Budget(), ours, 1e-2, 0.0)), (theirs, torch.optim.Adam(theirs, lr=1e-2))):
        for turn in range(7):
            optimizer.zero_grad()
            parameters[turn % 2].square().sum().backward()
            optimizer.step()
    for one, other in zip(ours, theirs, strict=True):
        assert not torch.equal(one, torch.ones(3))
        torch.testing.assert_close(one, other)


def sparse_steps(value, touched, steps, settle_at=(), then=None):
    """The same gradients, dense for torch's Adam and sparse for ours, on rows of ``touched``; at last of ``then``."""
    ours, theirs, adam, reference = pair(value)
    random = torch.Generator().manual_seed(1)
    target = 0.3 * torch.randn(value.shape, generator=random)
    for number in range(steps):
        index = torch.randint(*(then if then and number > max(settle_at) else touched), (64,), generator=random)
        for table in (ours, theirs):
            table.grad = None
        gradient = 1e-3 * (theirs.detach()[index] - target[index])
        theirs.grad = torch.zeros_like(value).index_add_(0, index, gradient)
        gradient = 1e-3 * (ours.detach()[index] - target[index])
        ours.grad = torch.sparse_coo_tensor(index.unsqueeze(0), gradient, value.shape, check_invariants=False)
        adam.step()
        reference.step()
        if number in settle_at:
            adam.settle()
    adam.settle()
    return ours.detach(), theirs.detach()


@pytest.mark.parametrize("settle_at", [(), (100, 200)], ids=["once", "thrice"])
def test_rows_that_no_batch_touched_end_where_dense_steps_take_them(settle_at):
    value = torch.empty(1000, 8).uniform_(-0.01, 0.01, generator=torch.Generator().manual_seed(0))
    value[:50] = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    ours, theirs = sparse_steps(value, (100, 110), 400, settle_at)
    rest = torch.cat([torch.arange(100), torch.arange(110, 1000)])
    assert (theirs[rest] - value[rest]).abs().mean() > 1e-3  # dense decay does move them
    torch.testing.assert_close(ours[rest], theirs[rest], rtol=0, atol=5e-6)


def test_rows_that_were_settled_before_any_batch_touched_them_go_on_from_their_first_value():
    value = torch.empty(1000, 8).uniform_(-0.01, 0.01, generator=torch.Generator().manual_seed(0))
    ours, theirs = sparse_steps(value, (100, 110), 7, settle_at=(4,), then=(110, 1000))
    rest = torch.arange(110, 1000)
    assert (ours[rest] - theirs[rest]).abs().mean() < 0.002 * (theirs - value)[rest].abs().mean()


def test_a_row_that_the_first_steps_alone_touched_coasts_about_as_far_as_densely():
    """Bias corrections are those of the last touch; without them it would hardly move."""
    ours, theirs, adam, reference = pair(torch.full((100, 4), 0.5), weight_decay=0.0)
    for number in range(60):
        rows = torch.tensor([7 if number < 3 else 8])
        gradient = torch.ones(1, 4)
        ours.grad = torch.sparse_coo_tensor(rows.unsqueeze(0), gradient, ours.shape, check_invariants=False)
        theirs.grad = torch.zeros_like(theirs).index_add_(0, rows, gradient)
        adam.step()
        reference.step()
        if number == 2:
            touched = theirs.detach()[7].clone()
    adam.settle()
    dense, lazy = (touched - table.detach()[7] for table in (theirs, ours))
    assert ((lazy / dense - 1).abs() < 0.5).all()


def test_rows_that_are_touched_now_and_then_coast_as_under_dense_steps():
    value = torch.empty(1000, 8).uniform_(-0.01, 0.01, generator=torch.Generator().manual_seed(0))
    ours, theirs = sparse_steps(value, (0, 1000), 400)
    moved, apart = (theirs - value).abs().mean(), (ours - theirs).abs().mean()
    assert apart < 0.03 * moved
    assert moved > 0.03


def test_rows_of_every_batch_are_moved_as_densely():
    tables = [nn.Parameter(torch.ones(50, 4)) for _ in range(2)]
    index = torch.arange(20).repeat(2)  # every row is looked up twice
    for table, limit in zip(tables, (100, 10), strict=True):
        optimizer = Adam(Budget(), [table], 1e-3, 1e-2)
        with lazy_above(limit):
            for _ in range(3):
                step(optimizer, (lookup(table, index) - torch.arange(4.0)).square().sum())
        optimizer.settle()
    torch.testing.assert_close(tables[0], tables[1], rtol=0, atol=1e-6)


def test_a_budget_is_shared_in_proportion_and_never_overdrawn():
    assert Budget().shares(1, 20) == (None, None)
    assert Budget(10).shares(1, 20) == (1, 9)
    assert Budget(10).shares(1, 0) == (10, 0)
    budget = Budget(5)
    with budget.at_most(2), budget.at_most(4), budget.at_most(None):
        assert budget.shares(1) == (2,)
    assert budget.shares(1) == (5,)
    table = nn.Parameter(torch.ones(3))
    optimizer = Adam(budget, [table], 1e-3, 0.0)
    with budget.at_most(2):
        for _ in range(4):
            step(optimizer, table.square().sum())
    assert budget.taken == 2
    before = table.detach().clone()
    for _ in range(4):
        step(optimizer, table.square().sum())
    assert (budget.taken, budget.spent) == (5, True)
    assert not torch.equal(before, table)


@pytest.mark.parametrize(
    ("rows", "size"), [(19_440, 2048), (854_530, 2048), (2048 * 3 + 5, 2048), (2049, 2048), (7, 9)]
)
def test_no_batch_is_a_remainder_of_a_few_rows(rows, size):
    first = starts(rows, size)
    sizes = [stop - start for start, stop in zip(first, [*first[1:], rows], strict=True)]
    assert sum(sizes) == rows
    assert max(sizes) <= 1.25 * size
    assert len(sizes) == 1 or min(sizes) >= 0.25 * size


def test_rows_are_counted_per_step_and_once(make_phase):
    phase = make_phase("warm-a", batch_size=100)
    table = nn.Parameter(torch.ones(3))
    optimizer = phase.adam([table])
    for number, _ in enumerate(phase.batches(epochs=2, repeats=3)):
        if number < 3:  # the first batch alone
            step(optimizer, table.square().sum())
    assert (phase.steps, phase.rows_seen, phase.distinct_rows_seen) == (3, 300, 100)


@pytest.mark.parametrize("players", [("one",), ("one", "other", "other", "other")])
def test_under_a_limit_every_batch_comes_before_any_comes_again(make_phase, players):
    phase = make_phase("warm-a", limit=7, batch_size=50)  # 200 rows: four batches
    table = nn.Parameter(torch.ones(3))
    optimizer = phase.adam([table])
    seen = []
    for batch, player in phase.turns(9, 10, players):
        step(optimizer, table.square().sum())
        seen.append((len(batch), phase.distinct_rows_seen, player))
    assert [distinct for _, distinct, _ in seen[3:]] == [200] * 4
    assert [player for _, _, player in seen] == [players[number % len(players)] for number in range(7)]


def test_a_whole_cell_is_about_the_same_lazily_and_densely(dataset, make_cell):
    cells = [
        dataclasses.replace(make_cell("deepfm", "cvar"), settings=Settings(batch_size=256, lazy_rows=rows))
        for rows in (1, 1_000_000)
    ]
    lazy, dense = (cell.on(dataset).run() for cell in cells)
    assert cells[0].key != cells[1].key
    for one, other in zip(lazy, dense, strict=True):
        assert one.logits.tobytes() != other.logits.tobytes()
        assert abs(one.logits - other.logits).mean() < 0.02


@pytest.fixture
def without_search_for_cycles():
    """Python frees only what nothing refers to."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_search_for_cycles")
@pytest.mark.parametrize("limit", [None, 3])
def test_a_closed_phase_and_its_optimisers_are_freed_at_once(make_phase, limit):
    phase = make_phase("warm-a", limit=limit, batch_size=50)
    table = nn.Parameter(torch.ones(3))
    optimizer = phase.adam([table])
    for _ in phase.batches():
        step(optimizer, table.square().sum())
    phase.close()
    left = [weakref.ref(each) for each in (phase, optimizer, phase.log.item)]
    del phase, optimizer
    assert [each() for each in left] == [None] * 3


@pytest.mark.usefixtures("without_search_for_cycles")
@pytest.mark.parametrize("method", Registry().names(METHODS))
def test_no_method_leaves_an_optimiser_behind(dataset, make_cell, monkeypatch, method):
    made = []

    class Watched(Adam):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(weakref.ref(self))

    monkeypatch.setattr("coldbench.model.phase.Adam", Watched)
    make_cell("deepfm", method).on(dataset).run()
    assert len(made) > 3
    assert not [each for each in made if each() is not None]
