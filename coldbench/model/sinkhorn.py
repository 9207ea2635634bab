"""Sinkhorn divergences between samples (Feydy et al., AISTATS 2019, arXiv:1810.08278)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_SCALING = 0.25  # factor of the temperature per round, until it is blur^2


def sinkhorn_divergences(samples: Tensor, blur: float) -> Tensor:
    """(m, m) debiased entropic transport costs between m samples with equal weights; the diagonal is zero.

    The cost of two points is half their squared distance, the temperature blur^2. The dual potentials are found by
    symmetric updates at falling temperatures; gradients flow through a last update alone, which is exact where the
    potentials have converged.

    Args:
        samples: (m, points, dim) one sample per row.
        blur: The length below which points are not told apart.
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
        now = max(float(2 * constant.max()), temperature)
        f = _update(constant, torch.zeros_like(constant[:, 0]), now)
        g = _update(constant.mT, torch.zeros_like(constant[:, :, 0]), now)
        while True:
            f, g = 0.5 * (f + _update(constant, g, now)), 0.5 * (g + _update(constant.mT, f, now))
            if now <= temperature:
                break
            now = max(now * _SCALING, temperature)
    last_f, last_g = _update(costs, g, temperature), _update(costs.mT, f, temperature)
    return last_f.mean(1) + last_g.mean(1)


def _update(costs: Tensor, other: Tensor, temperature: float) -> Tensor:
    """(pairs, points) the soft minimum over the other side of costs minus its potentials."""
    weights = (other.unsqueeze(1) - costs) / temperature - math.log(costs.shape[-1])
    return -temperature * weights.logsumexp(2)
