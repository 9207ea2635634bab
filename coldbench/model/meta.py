"""Meta-learning of initial embeddings on pairs of batches (Meta-Embedding, SIGIR 2019; also GME)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from coldbench.model.backbone import Backbone
from coldbench.model.batching import Batch
from coldbench.model.phase import Phase, ctr_loss

_PARTS = 4  # the number of parts that each old item's rows are cut into, in time order


def paired_batches(base: Phase, passes: int) -> Iterator[tuple[Batch, Batch]]:
    """Yields pairs of batches from two parts of each item's rows; paired rows have the same rank in their parts.

    Args:
        base: The old items' rows.
        passes: Passes, each over one pair of parts; the next pass uses the next pair.
    """
    parts = base.parts_in_time(_PARTS)
    for number in range(passes):
        first, second = (parts[(number + ahead) % _PARTS] for ahead in (0, 1))
        for chosen in torch.randperm(len(first)).to(first.device).split(base.settings.batch_size):
            yield base.at(first[chosen]), base.at(second[chosen])


def two_batch_loss(
    backbone: Backbone, pair: tuple[Batch, Batch], embedding: Tensor, inner_lr: float, weight: float, per_item: bool
) -> Tensor:
    """Weight loss_a + (1 - weight) loss_b, (): loss_b after one gradient step of the embeddings on loss_a.

    The step is differentiated through (Meta-Embedding, equations 7 to 9).

    Args:
        backbone: The frozen backbone.
        pair: Two batches with the same items in the same order.
        embedding: (distinct, dim) generated embeddings of these items.
        inner_lr: The step's learning rate.
        weight: The weight of loss_a.
        per_item: Whether the step is on the mean over each item's rows instead of the mean over the batch.
    """
    first, second = pair
    loss_a = ctr_loss(backbone.score(first.spread(embedding), backbone.frozen_context(first)), first)
    (gradient,) = torch.autograd.grad(loss_a, embedding, create_graph=True)
    if per_item:
        gradient = gradient / first.mean_weight.unsqueeze(1)
    stepped = embedding - inner_lr * gradient
    loss_b = ctr_loss(backbone.score(second.spread(stepped), backbone.frozen_context(second)), second)
    return weight * loss_a + (1 - weight) * loss_b


def paired_items(base: Phase, first: int, size: int) -> Iterator[tuple[Batch, Batch]]:
    """Yields pairs of batches of whole items: their rows in one of the four parts in time, and in the next.

    Args:
        base: The old items' rows.
        first: The first part of the pair, 0 to 2.
        size: About how many rows a batch has.
    """
    parts = base.parts_in_time(_PARTS)
    _, count = base.log.item[parts[0]].unique_consecutive(return_counts=True)
    order = torch.randperm(len(count)).to(count.device)
    start, count = (count.cumsum(0) - count)[order], count[order]
    end = count.cumsum(0)
    place = (start - end + count).repeat_interleave(count) + torch.arange(int(end[-1]), device=count.device)
    rows = torch.zeros(int(end[-1]) // size + 1, dtype=torch.int64, device=count.device)
    rows.index_add_(0, (end - 1) // size, count)
    for chosen in place.split([rows_ for rows_ in rows.tolist() if rows_]):
        yield base.at(parts[first, chosen]), base.at(parts[first + 1, chosen])
