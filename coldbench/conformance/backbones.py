"""The checks that every backbone must pass; each yields one line per fault."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from coldbench.conformance import methods
from coldbench.conformance.subject import Subject, load
from coldbench.model.backbone import Backbone, TwoTower
from coldbench.model.batching import Batch, shuffled
from coldbench.model.layers import initialise
from coldbench.model.view import View
from coldbench.protocol.split import warm_up_split


def splits(subject: Subject) -> Iterator[str]:
    """There is one finite logit per row; ``encode`` does not read v_I, and ``score`` uses it."""
    backbone, batch = _backbone_and_batch(subject)
    context = backbone.encode(batch)
    item = torch.randn(len(batch), backbone.item_width, requires_grad=True)
    logits = backbone.score(item, context)
    if logits.shape != (len(batch),):
        yield f"score gives shape {tuple(logits.shape)} for {len(batch)} rows; it should be ({len(batch)},)"
        return
    if not torch.isfinite(logits).all():
        yield "its logits are not finite"
    (gradient,) = torch.autograd.grad(logits.sum(), item, allow_unused=True)
    if gradient is None or not (gradient.abs().sum(1) > 0).all():
        yield "score does not depend on the item ID embedding that it is given"
    if not torch.equal(backbone(batch), backbone.score(backbone.item_table(batch.item), context)):
        yield "forward is not score(item_table[item], encode(batch)); leave forward to the base class"
    with torch.no_grad():
        before = backbone.score(item, backbone.encode(batch))
        backbone.item_table.weight.add_(1.0)
        if not torch.equal(before, backbone.score(item, backbone.encode(batch))):
            yield "encode reads the item table; what depends on v_I belongs into score"


def its_towers_agree_with_score(subject: Subject) -> Iterator[str]:
    """A two-tower backbone's vectors multiply to the logits of ``score``, for every pair of a request and an item."""
    backbone, batch = _backbone_and_batch(subject)
    if not isinstance(backbone, TwoTower):
        return
    embeddings = torch.randn(len(batch.items.number), backbone.item_width)
    with torch.no_grad():
        logits = backbone.score(batch.spread(embeddings), backbone.encode(batch))
        users, items = backbone.user_vector(batch.users, batch.context), backbone.item_vector(batch.items, embeddings)
        if users.shape != (len(batch), items.shape[-1]) or len(items) != len(embeddings):
            yield (
                f"user_vector gives shape {tuple(users.shape)} for {len(batch)} requests and item_vector "
                f"{tuple(items.shape)} for {len(embeddings)} items; it should be (rows, width) with one width"
            )
            return
        pairs = users @ items.T
        own = pairs[torch.arange(len(batch)), batch.spread(torch.arange(len(items)))]
        if not torch.allclose(own, logits, rtol=1e-4, atol=1e-5):
            yield "user_vector times item_vector is not the logit of score, for the same request, item and embedding"
        if torch.allclose(pairs, pairs[:1].expand_as(pairs), rtol=0, atol=0):
            yield "user_vector gives the same vector for every request"


def has_no_other_item_parameter(subject: Subject) -> Iterator[str]:
    """Only the item table has one row per item."""
    backbone, _ = _backbone_and_batch(subject)
    for key, value in backbone.named_parameters():
        if load().schema.items in value.shape and key != "item_table.weight":
            yield f"{key} has a row per item; the item ID embedding should be all that is item-specific"


def runs_at_the_ends_of_its_space(subject: Subject) -> Iterator[str]:
    """The backbone builds at both ends of each part of its space and gives finite logits there."""
    for field, value in subject.extremes():
        backbone, batch = _backbone_and_batch(subject, **{field: value})
        if not torch.isfinite(backbone(batch)).all():
            yield f"with {field} = {value} its logits are not finite"


def repeats(subject: Subject) -> Iterator[str]:
    """A whole cell with the backbone is finite, and the same seed gives the same bits."""
    yield from methods.repeats_on(subject, subject.name, "")


def _backbone_and_batch(subject: Subject, **config: object) -> tuple[Backbone, Batch]:
    dataset = load()
    split = warm_up_split(dataset)
    view = View(dataset, split.base, torch.device("cpu"))
    torch.manual_seed(0)
    backbone = subject.owner(subject.spec(**config).config, dataset.schema)
    initialise(backbone)
    batch, _ = next(shuffled(view, view.interactions(dataset, split.base), 64, random=None))
    return backbone.eval(), batch
