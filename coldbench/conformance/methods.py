"""The checks that every method must pass; each yields one line per fault."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from coldbench.conformance.subject import ON, Subject, load, run
from coldbench.core.config import AFTER_FIT
from coldbench.core.space import Choice
from coldbench.data.dataset import Dataset
from coldbench.model.method import Method
from coldbench.plugins.spec import Spec
from coldbench.protocol.rules import Matched
from coldbench.protocol.split import warm_up_split
from coldbench.protocol.stages import Trained


def repeats(subject: Subject) -> Iterator[str]:
    """Runs with the same seed give the same bits, on each backbone of ``ON``."""
    for backbone in ON:
        yield from repeats_on(subject, backbone, f"on {backbone} ")


def repeats_on(subject: Subject, backbone: str, where: str) -> Iterator[str]:
    """Runs with the same seed give the same bits on the given backbone."""
    cell = subject.cell(backbone=backbone)
    for one, other in zip(run(cell), run(cell), strict=True):
        if one.logits.tobytes() != other.logits.tobytes():
            yield (
                f"{where}the same seed gave other logits after phase {one.phase}; draw random numbers from "
                "torch, which the protocol seeds, and keep nothing between two runs"
            )
            return
        if one.steps != other.steps:
            yield f"{where}the same seed took {one.steps}, then {other.steps} steps on phase {one.phase}"


def moves_only_cold_rows(subject: Subject) -> Iterator[str]:
    """A phase changes nothing of the backbone but the cold items' rows and the running statistics."""
    for backbone in ON:
        yield from _moves_only_cold_rows(subject, backbone)


def _moves_only_cold_rows(subject: Subject, backbone: str) -> Iterator[str]:
    stages = subject.cell(backbone=backbone).on(load())
    model = stages.new_backbone()
    method = stages.new_method(model)
    stages.protocol.pretrain(model, method)
    before = copy.deepcopy(model.state_dict())
    cold = torch.zeros(len(model.item_table.weight), dtype=torch.bool)
    cold[stages.split.new_items] = True
    stages.protocol.fit(model, method)
    for outcome in stages.protocol.phases(model, method):
        for key, value in model.state_dict().items():
            if "running_" in key or "num_batches" in key:
                continue
            same = value == before[key]
            if key != "item_table.weight":
                if not same.all():
                    yield f"on {backbone} phase {outcome.phase} moved the backbone's {key}; only embeddings may change"
            elif not same[~cold].all():
                yield f"on {backbone} phase {outcome.phase} moved the ID embeddings of old items"
            elif outcome.phase != "cold" and same[cold].all():
                yield f"on {backbone} phase {outcome.phase} left every cold item's embedding as it was"


def takes_the_steps_it_says(subject: Subject) -> Iterator[str]:
    """``adapt`` takes ``adapt_steps`` steps, and a budget is used up on the same rows: so budgets can be matched.

    A method that overrides ``warm`` may take any number of steps; under a budget it must use all of them.
    """
    cell = subject.cell()
    stages = cell.on(load())
    model = stages.new_backbone()
    method = stages.new_method(model)
    batches = {phase: -(-len(rows) // cell.settings.batch_size) for phase, rows in stages.split.warm.items()}
    if type(method).warm is Method.warm:
        says = method.config.item_epochs + method.adapt_steps
        for outcome in run(cell)[1:]:
            if outcome.steps != says * batches[outcome.phase]:
                yield (
                    f"it took {outcome.steps} steps on {outcome.phase}'s {batches[outcome.phase]} batches; by its "
                    f"item_epochs and adapt_steps it should take {says * batches[outcome.phase]}"
                )
    for budget in (1, 3):
        matched = dataclasses.replace(cell, protocol=Spec("protocol", "matched", Matched(budget)))
        for outcome in run(matched)[1:]:
            allowed, rows = budget * batches[outcome.phase], len(stages.split.warm[outcome.phase])
            if outcome.steps != allowed:
                yield (
                    f"of {allowed} matched steps on {outcome.phase} it took {outcome.steps}; it should use all it gets"
                )
            elif outcome.distinct_rows_seen != rows:
                yield (
                    f"with a budget of {budget} it saw {outcome.distinct_rows_seen} of {outcome.phase}'s {rows} rows; "
                    "take one step on each batch that Phase.batches or Phase.turns gives"
                )


def sees_no_test_row(subject: Subject) -> Iterator[str]:
    """Scrambling labels, users and times of the test rows changes no logit of other rows and no embedding."""
    dataset = load()
    split = warm_up_split(dataset)
    rows, random = split.test, np.random.default_rng(0)
    click, user, time = dataset.click.copy(), dataset.user.copy(), dataset.time.copy()
    click[rows] = 1 - click[rows]
    user[rows] = random.integers(dataset.schema.users, size=len(rows))
    time[rows] = dataset.time.max()  # after all other rows, but no new extreme for the scaling
    poisoned = dataclasses.replace(dataset, click=click, user=user, time=time)
    probe = np.concatenate([split.base[:200], *(part[:50] for part in split.warm.values())])

    def seen(data: Dataset) -> Iterator[tuple[str, bytes]]:
        stages = subject.cell(backbone="deepfm").on(data)
        model = stages.new_backbone()
        method = stages.new_method(model)
        stages.protocol.pretrain(model, method)
        stages.protocol.fit(model, method)
        asked = stages.split
        for outcome in stages.protocol.phases(model, method):
            stages.protocol.split = dataclasses.replace(asked, test=probe)
            logits = stages.protocol.predict(model, method)
            stages.protocol.split = asked
            yield outcome.phase, model.item_table.weight.detach().numpy().tobytes() + logits.tobytes()

    for (phase, clean), (_, spoilt) in zip(seen(dataset), seen(poisoned), strict=True):
        if clean != spoilt:
            yield f"shuffled labels of test rows changed the item embeddings of phase {phase}: it learns from the test"
            return


def learns_in_fit(subject: Subject) -> Iterator[str]:
    """``fit`` moves every parameter, ``embed`` changes the logits of cold items, and two calls of it agree."""
    stages = subject.cell(backbone="deepfm").on(load())
    model = stages.new_backbone()
    method = stages.new_method(model)
    stages.protocol.pretrain(model, method)
    before = {name: value.detach().clone() for name, value in method.named_parameters()}
    stages.protocol.fit(model, method)
    plain = stages.protocol.predict(model, method)
    for name, value in method.named_parameters():
        if value.numel() and name.partition(".")[0] not in method.pretrained and torch.equal(value, before[name]):
            yield (
                f"fit left the parameter {name} as it was; give it to phase.adam, and let its gradient through, "
                "or make it a buffer"
            )
    if type(method).embed is Method.embed:
        return
    items = stages.protocol.view.items(stages.protocol.cold)
    first, second = (method.embed(model, items).detach().clone() for _ in range(2))
    if not torch.equal(first, second):
        yield "embed called twice gave two embeddings; draw no random numbers in it, and switch dropout off"
    model.place(stages.protocol.cold, first)
    if type(method).fit is not Method.fit and np.array_equal(stages.protocol.predict(model, method), plain):
        yield "what fit learned and embed gives changes no logit of the cold items"


def uses_what_fit_learns(subject: Subject) -> Iterator[str]:
    """Scores of cold items differ between the parameters that ``fit`` has left and those from before.

    The backbone has no batch statistics, through which even a generator would show whose embeddings are never placed.
    """
    stages = subject.cell(backbone="fm").on(load())
    model = stages.new_backbone()
    method = stages.new_method(model)
    stages.protocol.pretrain(model, method)
    before = {name: value.detach().clone() for name, value in method.named_parameters()}
    if type(method).fit is Method.fit or not before:
        return
    stages.protocol.fit(model, method)
    unlearned = copy.deepcopy(method)
    unlearned.load_state_dict(before, strict=False)
    runs = (stages.protocol.phases(copy.deepcopy(model), each) for each in (method, unlearned))
    if all(one.logits.tobytes() == other.logits.tobytes() for one, other in zip(*runs, strict=True)):
        yield (
            "what fit learns changes no score of a cold item in any phase; return embeddings made with it from embed, "
            "adapt or warm, or score with it in logits"
        )


def keeps_what_fit_learns(subject: Subject) -> Iterator[str]:
    """Storing a method after ``fit`` and loading it changes nothing, and ``fit`` reads no ``after_fit`` field."""
    cell = subject.cell(backbone="deepfm")
    stages = cell.on(load())
    pretrained = stages.pretrain()
    fitted = stages.fit(pretrained)
    straight = cell.on(load())
    model, method = straight._pretrained(pretrained)
    straight.protocol.fit(model, method)
    for one, other in zip(stages.phases(pretrained, fitted), straight.protocol.phases(model, method), strict=True):
        if one.logits.tobytes() != other.logits.tobytes():
            yield (
                f"after phase {one.phase} a method that was written down after fit and read back gives other logits; "
                "keep what fit learns in parameters, buffers, tensors or numbers"
            )
            break
    for name, value in _later_values(subject):
        varied = subject.cell(backbone="deepfm", **{name: value}).on(load())
        if not _same(varied.fit(pretrained), fitted):
            yield f"fit learns something else with {name} = {value}; a field that fit reads is not after_fit"


def _later_values(subject: Subject) -> Iterator[tuple[str, Any]]:
    """Yields the fields that no hook before ``warm`` reads, each with values other than its default."""
    owner = subject.owner
    for field in dataclasses.fields(owner.Config):
        if field.metadata.get(AFTER_FIT):
            default = getattr(owner.Config(), field.name)
            where = owner.space.get(field.name)
            values = [where.extremes()[0], where.extremes()[-1]] if where is not None else []
            if not isinstance(where, Choice):
                values += [not default] if isinstance(default, bool) else [default * 2]
            yield from ((field.name, value) for value in values[:2] if value != default)


def _same(one: Trained, other: Trained) -> bool:
    return one.state.keys() == other.state.keys() and all(
        value.tobytes() == other.state[name].tobytes() for name, value in one.state.items()
    )


def runs_at_the_ends_of_its_space(subject: Subject) -> Iterator[str]:
    """The method runs at both ends of each part of its space and gives finite logits there."""
    for field, value in subject.extremes():
        yield from subject.failures(subject.cell(backbone="fm", **{field: value}), f"with {field} = {value}")
