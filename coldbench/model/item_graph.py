"""Scores rows over an item-specific graph of their fields (EmerG, KDD 2024, arXiv:2407.10112)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


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
        tokens = torch.cat(nodes, 1)
        query, key, value = self.attend(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        mixed = self.join(mixed).relu().unflatten(1, (len(nodes), -1)).sum(1)
        return (self.gate(mixed.flatten(1)).sigmoid() * self.last(mixed).squeeze(-1)).sum(1)
