"""What the protocols let a method know, and how many steps they let it take."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from coldbench.model.view import View
from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry
from coldbench.protocol.phases import WarmUp
from coldbench.protocol.rules import Matched, Paper, Strict
from coldbench.protocol.shots import WARM_PHASES
from coldbench.protocol.split import pseudo_cold_split, warm_up_split

NAMES = Registry().names(METHODS)
BATCH = 60  # 200 rows per phase: several batches


def outcomes(cell, dataset):
    return cell.on(dataset).run()


def batched(cell, size):
    return dataclasses.replace(cell, settings=dataclasses.replace(cell.settings, batch_size=size))


def batches(split, name):
    return -(-len(split.warm[name]) // BATCH)


@pytest.mark.parametrize("method", NAMES)
def test_under_matched_every_method_takes_the_same_steps_on_the_same_rows(method, dataset, split, make_cell):
    cells = {budget: batched(make_cell(method=method, rules=Matched(budget)), BATCH) for budget in (1, 3, 10)}
    assert len({(cell.pretrained_key, cell.fitted_key) for cell in cells.values()}) == 1
    stages = cells[1].on(dataset)
    pretrained = stages.pretrain()
    fitted = stages.fit(pretrained)
    for budget, cell in cells.items():
        warm = list(cell.on(dataset).phases(pretrained, fitted))[1:]
        assert [outcome.steps for outcome in warm] == [budget * batches(split, name) for name in WARM_PHASES]
        rows = [len(split.warm[name]) for name in WARM_PHASES]
        assert [outcome.distinct_rows_seen for outcome in warm] == rows
        assert [outcome.rows_seen for outcome in warm] == [budget * each for each in rows]


def test_matched_at_one_epoch_is_strict_for_the_plain_baseline(dataset, make_cell):
    strict, matched = (outcomes(make_cell(rules=rules), dataset) for rules in (Strict(), Matched(1)))
    for one, other in zip(strict, matched, strict=True):
        assert one.logits.tobytes() == other.logits.tobytes()


def test_a_budget_too_small_for_adapt_leaves_it_out(dataset, split, make_cell):
    tight, wide = (batched(make_cell(method="cvar", rules=Matched(budget)), 100_000) for budget in (1, 2))
    cold, warm = outcomes(tight, dataset)[:2]
    assert warm.steps == 1  # of the item embeddings, none of 20 for the generator
    assert warm.logits.tobytes() != cold.logits.tobytes()
    assert outcomes(wide, dataset)[1].steps == 2


def test_strict_counts_and_words_come_from_seen_rows_alone(dataset, split):
    view = View(dataset, split.base, torch.device("cpu"), strict=True)
    ids, numeric = (part.numpy() for part in view._items[:2])
    bought = np.bincount(dataset.item[split.base], minlength=dataset.schema.items)
    assert (numeric[split.new_items, -1] == 0).all()  # count: none of them was seen
    count = (bought - bought[bought > 0].min()) / (bought.max() - bought[bought > 0].min())
    assert numeric[split.old_items, -1] == pytest.approx(count[split.old_items], abs=1e-6)
    met = set(dataset.items.ids[split.old_items].ravel()) | {0}
    assert set(ids.ravel()) <= met
    known = np.isin(dataset.items.ids, list(met))
    assert (ids[known] == dataset.items.ids[known]).all()


@pytest.mark.parametrize("rules", [Strict(), Matched(2)], ids=["strict", "matched"])
def test_without_the_leak_nothing_depends_on_which_test_rows_there_are(rules, dataset, split, make_cell):
    """Twice the test rows of some items: their counts and the time's range change, no embedding may."""
    cell = make_cell(method="cvar", rules=rules)
    time = dataset.time.copy()
    time[split.test] = time.max() + 10**6
    later = dataclasses.replace(dataset, time=time)
    rows = np.r_[np.arange(dataset.rows), np.repeat(split.test, 3)]
    longer = [getattr(later, name)[rows] for name in ("user", "item", "click", "time")]
    context = dataclasses.replace(later.context, ids=later.context.ids[rows], numeric=later.context.numeric[rows])
    more = dataclasses.replace(
        later, **dict(zip(("user", "item", "click", "time"), longer, strict=True)), context=context, n=10**6
    )
    made = []
    stages = cell.on(dataset)
    for data in (dataset, more):
        protocol = WarmUp(rules, data, split, cell.settings, torch.device("cpu"), *cell.recipe.seed)
        backbone = stages.new_backbone()
        method = stages.new_method(backbone)
        protocol.pretrain(backbone, method)
        protocol.fit(backbone, method)
        for _ in protocol.phases(backbone, method):
            made.append(backbone.item_table.weight.detach().clone())
    half = len(made) // 2
    assert all(torch.equal(one, other) for one, other in zip(made[:half], made[half:], strict=True))


def test_the_paper_protocol_leaks_and_the_test_above_can_fail(dataset, split):
    whole, strict = (
        View(dataset, seen, torch.device("cpu"), kept)._items[1]
        for seen, kept in ((slice(None), False), (split.base, True))
    )
    assert not torch.equal(whole, strict)
    assert Paper.strict is False


def test_pseudo_cold_items_are_old_ones_cut_like_new_ones(dataset):
    split, true = pseudo_cold_split(dataset, 3), warm_up_split(dataset)
    assert set(split.new_items) < set(true.old_items)
    assert set(split.old_items) == set(true.old_items) - set(split.new_items)
    assert len(split.new_items) == round(0.2 * len(true.old_items))
    parts = np.concatenate([split.base, *split.warm.values(), split.test])
    assert len(np.unique(parts)) == len(parts)
    assert set(parts) <= set(true.base)
    assert not np.isin(dataset.item[split.base], split.new_items).any()
    assert (np.sort(parts) == split.known).all()
    counts = np.bincount(dataset.item[np.setdiff1d(parts, split.base)], minlength=dataset.schema.items)
    assert (counts[split.new_items] == dataset.n).all()  # as many as a new item has at most
    for name in WARM_PHASES:
        assert (np.bincount(dataset.item[split.warm[name]])[split.new_items] == dataset.k).all()
    assert set(pseudo_cold_split(dataset, 4).new_items) != set(split.new_items)


@pytest.mark.parametrize("budget", [1, 3])
@pytest.mark.parametrize("method", ["base", "cvar", "gar", "avaew"])
def test_a_budget_buys_the_same_steps_in_validation_as_in_the_test(method, budget, dataset, split, make_cell):
    """With fewer steps in the search, a method could be chosen whose ``adapt`` runs in the test alone."""
    test = batched(make_cell(method=method, rules=Matched(budget)), 80)
    validation = dataclasses.replace(test, validation=True)
    assert len(pseudo_cold_split(dataset, 0).new_items) < len(split.new_items) / 2
    assert [outcome.steps for outcome in outcomes(validation, dataset)[1:]] == [
        outcome.steps for outcome in outcomes(test, dataset)[1:]
    ]


@pytest.mark.parametrize(("scale", "expected"), [(1.0, 2048), (212 / 972, 447), (3.0, 6144), (0.001, 8)])
def test_warm_up_batches_follow_the_number_of_items(scale, expected, split):
    assert dataclasses.replace(split, batch_scale=scale).warm_batch_size(2048) == expected


def test_a_small_batch_stays_as_it_was_asked_for(split):
    assert split.warm_batch_size(4) == 4
    assert dataclasses.replace(split, batch_scale=0.2).warm_batch_size(4) == 4


def test_tuning_never_sees_a_row_of_the_new_items(dataset, split, make_cell):
    """Every label, time and user of the new items' rows is poisoned; validation gives the same bits."""
    cell = dataclasses.replace(make_cell(method="avaew"), validation=True)
    hidden = np.concatenate([*split.warm.values(), split.test])
    click, time, user = dataset.click.copy(), dataset.time.copy(), dataset.user.copy()
    click[hidden] = 1 - click[hidden]
    time[hidden] += 10**7
    user[hidden] = (user[hidden] + 7) % dataset.schema.users
    poisoned = dataclasses.replace(dataset, click=click, time=time, user=user)
    for one, other in zip(outcomes(cell, dataset), outcomes(cell, poisoned), strict=True):
        assert one.metrics == other.metrics
        assert one.logits.tobytes() == other.logits.tobytes()
