"""Scores rows over an item-specific graph of their fields (EmerG, KDD 2024, arXiv:2407.10112)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_ROWS = 512  # that attend at once


class HyperNetwork(nn.Module):
    """Makes a graph over the fields from an item's features, one network of three layers per row of the graph.

    Args:
        inputs: The width of the features.
        fields: The number of fields F.
    """

    def __init__(self, inputs: int, fields: int) -> None:
        super().__init__()
        shapes = [(inputs, fields), (fields, fields), (fields, fields)]
        self.weights = nn.ParameterList(torch.empty(fields, *shape) for shape in shapes)
        self.biases = nn.ParameterList(torch.empty(fields, shape[1]) for shape in shapes)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = weight.shape[1] ** -0.5  # as torch draws linear layers
            nn.init.uniform_(weight, -bound, bound)
            nn.init.uniform_(bias, -bound, bound)

    def forward(self, features: Tensor) -> Tensor:
        """(items, inputs) features -> (items, F, F) raw graphs."""
        hidden = features.unsqueeze(1).expand(-1, len(self.biases[0]), -1)
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.einsum("nfi,fio->nfo", hidden.relu() if number else hidden, weight) + bias
        return hidden


def refined(raw: Tensor, layers: int) -> Tensor:
    """(items, F, F) raw graphs -> (items, layers, F, F) one graph per layer.

    The first graph is the raw one scaled to [0, 1], with ones on the diagonal, the larger half kept, made symmetric.
    Graph l is graph l - 1 times the first one, scaled to a largest entry of 1, with the edges of the first one.
    """
    low, high = raw.amin((1, 2), keepdim=True), raw.amax((1, 2), keepdim=True)
    scaled = (raw - low) / (high - low).clamp(min=1e-8)
    own = torch.eye(raw.shape[1], device=raw.device)
    scaled = scaled * (1 - own) + own
    scaled = scaled * (scaled >= scaled.flatten(1).median(1).values[:, None, None])
    first = 0.5 * (scaled + scaled.mT)
    graphs = [first]
    for _ in range(layers - 1):
        following = (graphs[-1] @ first) * (first > 0)
        graphs.append(following / following.amax((1, 2), keepdim=True))
    return torch.stack(graphs, 1)


class GraphNetwork(nn.Module):
    """Multiplies messages along a graph into field embeddings, so that layer l has interactions of order l + 1.

    m_l = A_l H_{l-1} W_l, with LeakyReLU in all layers but the last; H_l = m_l * H_{l-1} elementwise. Attention over
    all fields of all layers, summed over layers, gives H; the logit is sum_i sigmoid(G vec(H))_i (u . H_i).

    Args:
        fields: The number of fields F.
        dim: The size of an embedding.
        layers: The number of layers L.
        heads: The number of attention heads, of ``dim`` each.
    """

    def __init__(self, fields: int, dim: int, layers: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.messages = nn.ModuleList(nn.Linear(dim, dim, bias=False) for _ in range(layers))
        self.attend = nn.Linear(dim, 3 * heads * dim, bias=False)
        self.join = nn.Linear(heads * dim, dim, bias=False)
        self.gate = nn.Linear(fields * dim, fields, bias=False)
        self.last = nn.Linear(dim, 1, bias=False)

    def forward(self, embeddings: Tensor, graphs: Tensor) -> Tensor:
        """(rows, F, dim) field embeddings and their (rows, L, F, F) graphs -> (rows,) logits."""
        nodes, hidden = [], embeddings
        for layer, message in enumerate(self.messages):
            sent = graphs[:, layer] @ message(hidden)
            sent = functional.leaky_relu(sent) if layer < len(self.messages) - 1 else sent
            hidden = sent * hidden
            nodes.append(hidden)
        mixed = self.attended(torch.cat(nodes, 1)).relu().unflatten(1, (len(nodes), -1)).sum(1)
        return (self.gate(mixed.flatten(1)).sigmoid() * self.last(mixed).squeeze(-1)).sum(1)

    def attended(self, tokens: Tensor) -> Tensor:
        """Attention with its outer projection, (rows, tokens, dim) -> (rows, tokens, dim).

        A head's query and key matrices are multiplied with each other first, and so are its value matrix and its part
        of the outer projection. For tokens as few and narrow as fields this takes half the time of a general kernel.
        """
        dim = tokens.shape[-1]
        query, key, value = self.attend.weight.view(3, self.heads, dim, dim)  # (heads, out, in) each
        outer = self.join.weight.view(dim, self.heads, dim)  # (out, heads, in)
        meeting = torch.einsum("hdi,hdj->ihj", query, key).flatten(1) * dim**-0.5
        carrying = torch.einsum("hdi,ohd->iho", value, outer).flatten(1)
        return torch.cat([_attended(part, meeting, carrying) for part in tokens.split(_ROWS)])


def _attended(tokens: Tensor, meeting: Tensor, carrying: Tensor) -> Tensor:
    """(rows, T, dim) tokens -> (rows, T, dim): softmax(tokens meeting_h tokens^T) tokens carrying_h, summed over heads.

    Args:
        tokens: Few enough rows for the weights, (rows, T heads, T), to stay in the cache.
        meeting: (dim, heads * dim).
        carrying: (dim, heads * dim).
    """
    rows, count, dim = tokens.shape
    weights = torch.bmm((tokens @ meeting).view(rows, -1, dim), tokens.mT).softmax(-1)
    carried = (tokens @ carrying).view(rows, count, -1, dim).transpose(1, 2).reshape(rows, -1, dim)
    return torch.bmm(weights.view(rows, count, -1), carried)
