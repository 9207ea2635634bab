"""Sinkhorn divergences between samples (Feydy et al., AISTATS 2019, arXiv:1810.08278)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_SCALING = 0.25  # factor of the temperature per round, until it is blur^2
_AT_LAST = 3  # rounds at blur^2


def sinkhorn_divergences(samples: Tensor, blur: float) -> Tensor:
    """(m, m) debiased entropic transport costs between m samples with equal weights; the diagonal is zero.

    The cost of two points is half their squared distance, the temperature blur^2. The dual potentials are found by
    alternating updates at falling temperatures; the gradient by a cost is the transport plan's mass there.

    Args:
        samples: (m, points, dim) one sample per row.
        blur: The length below which points are not told apart.

    Raises:
        FloatingPointError: A sample is not finite.
    """
    m = len(samples)
    first, second = torch.triu_indices(m, m, device=samples.device)
    centred = samples - samples.detach().mean((0, 1))
    half = 0.5 * centred.square().sum(2)
    costs = half[first].unsqueeze(2) + half[second].unsqueeze(1) - centred[first] @ centred[second].mT
    transport = torch.zeros(m, m, dtype=samples.dtype, device=samples.device)
    transport = transport.index_put((first, second), _transport(costs, blur**2))
    whole = transport + transport.triu(1).T
    own = whole.diagonal()
    return whole - 0.5 * (own.unsqueeze(0) + own.unsqueeze(1))


def _transport(costs: Tensor, temperature: float) -> Tensor:
    """(pairs, points, points) costs -> (pairs,) entropic transport costs."""
    constant = costs.detach()
    with torch.no_grad():
        largest, g = float(2 * constant.max()), torch.zeros_like(constant[:, 0])
        if not math.isfinite(largest):
            raise FloatingPointError("the samples are not finite; a smaller learning rate may help")
        now = max(largest, temperature)
        cooling = max(math.ceil(math.log(now / temperature, 1 / _SCALING)), 0)
        for power in range(cooling + _AT_LAST):
            now = max(now * _SCALING, temperature) if power else now
            f = _update(constant, g, now)
            g = _update(constant.mT, f, now)
        plan = ((f.unsqueeze(2) + g.unsqueeze(1) - constant) / temperature).exp() / constant[0].numel()
    return f.mean(1) + g.mean(1) + (plan * (costs - constant)).sum((1, 2))


def _update(costs: Tensor, other: Tensor, temperature: float) -> Tensor:
    """(pairs, points) the soft minimum over the other side of costs minus its potentials."""
    weights = (other.unsqueeze(1) - costs) / temperature - math.log(costs.shape[-1])
    return -temperature * weights.logsumexp(2)
