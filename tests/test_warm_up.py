"""What the phases and stages of a cell do, against plain loops and against methods that tell what reaches them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from coldbench.data.dataset import Table
from coldbench.data.schema import COUNT
from coldbench.model.method import Method, MethodConfig
from coldbench.model.phase import ctr_loss
from coldbench.model.view import View
from coldbench.plugins.kinds import METHODS
from coldbench.plugins.registry import Registry
from coldbench.protocol import phases
from coldbench.protocol.metrics import grouped_auc
from coldbench.protocol.rules import Matched, Paper, Strict
from coldbench.protocol.shots import WARM_PHASES

CPU = torch.device("cpu")


def stages_with(method, cell, dataset):
    """The stages of a cell with a method of the test's own."""
    return dataclasses.replace(cell.recipe, method=method, method_config=MethodConfig()).on(dataset)


def test_cold_items_are_trained_alone_from_where_they_are_at_their_own_rate(dataset, make_cell, make_phase):
    stages = make_cell(item_lr=0.02, item_epochs=3).on(dataset)
    backbone = stages.new_backbone()
    method = stages.new_method(backbone)
    stages.protocol.pretrain(backbone, method)
    backbone.frozen().eval()
    table = nn.Parameter(backbone.item_table.weight.detach().clone())
    optimizer = torch.optim.Adam([table], lr=0.02, weight_decay=1e-6)
    for batch in make_phase("warm-a", batch_size=100).batches(3):
        optimizer.zero_grad()
        logits = backbone.score(table[batch.item], backbone.encode(batch))
        functional.binary_cross_entropy_with_logits(logits, batch.click).backward()
        optimizer.step()
    phase = make_phase("warm-a", batch_size=100)
    before = backbone.item_table.weight.clone()
    torch.testing.assert_close(method.train_items(backbone, phase), table.detach()[phase.cold.number])
    assert phase.steps == 3 * phase.batch_count
    assert torch.equal(before, backbone.item_table.weight)


def test_items_and_adapt_share_a_limit_in_the_proportion_of_their_steps(dataset, make_cell, make_phase, monkeypatch):
    stages = make_cell(method="cvar", item_epochs=2, adapt_epochs=4, repeats=2).on(dataset)
    backbone = stages.new_backbone()
    method = stages.new_method(backbone)
    stages.protocol.pretrain(backbone, method)
    backbone.frozen().train()
    taken = []
    train_items = method.train_items
    monkeypatch.setattr(method, "train_items", lambda *given: (train_items(*given), taken.append(given[1].steps))[0])
    phase = make_phase("warm-a", limit=21, batch_size=100)
    method.warm(backbone, phase)
    assert (taken, phase.steps) == ([5], 21)  # 2 of 10 parts, and what rounding leaves
    phase = make_phase("warm-a", limit=1, batch_size=100)
    assert method.warm(backbone, phase) is None  # no step for adapt, so it replaces nothing
    assert phase.steps == 1


def test_pretraining_takes_the_epochs_that_are_set(dataset, make_cell):
    cell = make_cell()
    once, twice = (
        dataclasses.replace(cell, settings=dataclasses.replace(cell.settings, pretrain_epochs=epochs))
        .on(dataset)
        .pretrain()
        for epochs in (1, 2)
    )
    assert twice.steps == 2 * once.steps
    assert twice.rows_seen == 2 * once.rows_seen


def test_no_random_stream_from_outside_reaches_a_stage(dataset, make_cell):
    stages = make_cell("deepfm", "avaew", repeats=1, adapt_epochs=1).on(dataset)

    def made(seed):
        """All that the stages give, the global stream set anew before each of them."""
        torch.manual_seed(seed)
        pretrained = stages.pretrain()
        torch.manual_seed(seed)
        fitted = stages.fit(pretrained)
        yield from (*pretrained.state.values(), *fitted.state.values())
        outcomes = stages.phases(pretrained, fitted)
        for _ in ("cold", *WARM_PHASES):
            torch.manual_seed(seed)
            yield next(outcomes).logits

    for one, other in zip(made(1), made(2), strict=True):
        assert one.tobytes() == other.tobytes()


def test_streams_of_pretraining_and_fit_hang_on_nothing_that_was_drawn_before(dataset, make_cell):
    """The constructors of methods draw random numbers, some more than others."""
    base, avaew = (make_cell("deepfm", method).on(dataset) for method in ("base", "avaew"))
    pretrained = base.pretrain()
    for name, value in avaew.pretrain().state.items():
        assert value.tobytes() == pretrained.state[name].tobytes()
    fitted = []
    for seed in (1, 2):
        backbone, method = avaew._pretrained(pretrained)
        torch.manual_seed(seed)
        avaew.protocol.fit(backbone, method)
        fitted.append(method.state_dict())
    for name, value in fitted[0].items():
        assert torch.equal(value, fitted[1][name])


def test_a_protocol_knows_the_rows_that_it_says(split):
    assert Paper().known(split, 2) is split.known
    for rules in (Strict(), Matched(3)):
        for begun in range(4):
            rows = [split.base, *(split.warm[name] for name in WARM_PHASES[:begun])]
            assert np.array_equal(rules.known(split, begun), np.concatenate(rows))
    assert (Paper().limit(7), Strict().limit(7), Matched(3).limit(7)) == (None, None, 21)


def test_what_a_method_may_know_grows_with_the_phases_under_strict_and_is_whole_under_paper(dataset, split, make_cell):
    known = []

    class Observer(Method):
        Config = MethodConfig

        def embed(self, backbone, items):
            known.append(items)
            return super().embed(backbone, items)

        def warm(self, backbone, phase):
            known.append(phase.view.items(phase.cold.number))
            assert torch.equal(known[-1].ids, phase.cold.ids)

    few = dataclasses.replace(dataset, items=dataclasses.replace(dataset.items, ids=dataset.items.ids.copy()))
    few.items.ids[split.new_items[0], 0] = few.items.ids.max()  # a word that no old item has
    few.items.ids[split.old_items] = np.where(
        few.items.ids[split.old_items] == few.items.ids.max(), 0, few.items.ids[split.old_items]
    )
    for rules in (Strict(), Paper()):
        known.clear()
        stages = stages_with(Observer, make_cell(rules=rules), few)
        list(stages.phases(pretrained := stages.pretrain(), stages.fit(pretrained)))
        for begun, items in enumerate(known):
            view = View(few, rules.known(split, begun), CPU, rules.strict).items(stages.protocol.cold)
            assert torch.equal(items.numeric, view.numeric)
            assert torch.equal(items.ids, view.ids)
        assert (known[0].ids[0, 0] == 0) == rules.strict


def test_test_rows_are_scored_with_running_statistics_however_many_at_once(dataset, make_cell, monkeypatch):
    stages = make_cell("deepfm").on(dataset)
    backbone = stages.new_backbone()
    method = stages.new_method(backbone)
    stages.protocol.pretrain(backbone, method)
    whole = stages.protocol.predict(backbone, method)
    monkeypatch.setattr(phases, "_EVALUATION_ROWS", 100)
    np.testing.assert_allclose(stages.protocol.predict(backbone, method), whole, atol=1e-6)


def test_an_outcome_is_of_its_logits_and_cold_counts_what_fit_took(dataset, split, make_cell):
    stages = make_cell(method="meta_e").on(dataset)
    pretrained = stages.pretrain()
    fitted = stages.fit(pretrained)
    outcomes = list(stages.phases(pretrained, fitted))
    click, user, item = (getattr(dataset, name)[split.test] for name in ("click", "user", "item"))
    for outcome in outcomes:
        assert outcome.metrics["gauc"] == grouped_auc(click, outcome.logits, user)
        assert outcome.metrics["item_auc"] == grouped_auc(click, outcome.logits, item)
    assert fitted.steps > 0
    for name in ("steps", "rows_seen", "distinct_rows_seen"):
        assert getattr(outcomes[0], name) == getattr(fitted, name)


def test_what_embed_and_warm_return_is_what_is_scored(dataset, make_cell):
    class Steps(Method):
        Config = MethodConfig

        def embed(self, backbone, items):
            return torch.full((len(items.number), self.dim), 0.5)

        def warm(self, backbone, phase):
            return None if phase.name == "warm-b" else torch.full((len(phase.cold.number), self.dim), len(phase.name))

    stages = stages_with(Steps, make_cell(), dataset)
    outcomes = list(stages.phases(pretrained := stages.pretrain(), stages.fit(pretrained)))
    assert [np.unique(outcome.embeddings).tolist() for outcome in outcomes] == [[0.5], [6.0], [6.0], [6.0]]
    assert outcomes[0].logits.tobytes() != outcomes[1].logits.tobytes()
    assert outcomes[1].logits.tobytes() == outcomes[2].logits.tobytes()


def test_scores_that_are_no_numbers_are_no_result(dataset, make_cell):
    class Broken(Method):
        Config = MethodConfig

        def embed(self, backbone, items):
            return super().embed(backbone, items) * torch.nan

    stages = stages_with(Broken, make_cell(), dataset)
    pretrained = stages.pretrain()
    with pytest.raises(FloatingPointError, match="test logits are not finite after phase cold"):
        list(stages.phases(pretrained, stages.fit(pretrained)))


def test_modules_that_are_pretrained_along_are_kept_for_fit_and_phases(dataset, make_cell):
    class Prior(Method):
        Config = MethodConfig
        pretrained = ("prior",)

        def __init__(self, config, schema, backbone):
            super().__init__(config, schema, backbone)
            self.prior = nn.Linear(self.dim, 1)

        def pretrain_loss(self, backbone, batch):
            return ctr_loss(backbone(batch) + self.prior(backbone.item_table(batch.item)).squeeze(-1), batch)

    stages = stages_with(Prior, make_cell(), dataset)
    pretrained = stages.pretrain()
    kept = torch.from_numpy(pretrained.state["method.prior.weight"])
    assert not torch.equal(kept, stages.new_method(stages.new_backbone()).prior.weight)
    assert torch.equal(kept, stages._pretrained(pretrained)[1].prior.weight)
    assert (stages.fit(pretrained).state["method.prior.weight"] == kept.numpy()).all()


@pytest.mark.parametrize("name", Registry().names(METHODS))
def test_every_method_runs_where_items_have_no_fields(name, dataset, make_cell):
    """As on a log of impressions whose table of articles is missing."""
    kept = tuple(field for field in dataset.schema.fields if field.side != "item" or field.name == COUNT)
    items = Table(dataset.items.ids[:, :0], dataset.items.numeric[:, :0])
    bare = dataclasses.replace(dataset, schema=dataclasses.replace(dataset.schema, fields=kept), items=items)
    quick = Registry().get(METHODS, name).quick
    outcomes = make_cell("fm", name, **quick).on(bare).run()
    assert [outcome.phase for outcome in outcomes] == ["cold", *WARM_PHASES]
    assert all(np.isfinite(outcome.logits).all() for outcome in outcomes)
