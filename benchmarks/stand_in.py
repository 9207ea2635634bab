"""A stand-in for the research code of this field, written in its manner and without its bugs; it is no published code.

A ``Dataset`` gives one row at a time as a dict of int64 tensors, title and all; a ``DataLoader`` collates them; the
model looks up every field of every row, padding and all; a generator's step runs the whole frozen backbone again.
DeepFM, the plain baseline's pretraining, and what each other method does on base. It is slower than the public CVAR
code (``peers.PUBLIC``), so that a ratio to it is no claim about that code.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from coldbench.data.dataset import Dataset as Log
from coldbench.data.schema import SideName

DIM = 16


class RowByRow(Dataset):
    """Rows of a log as dicts of one-row tensors."""

    def __init__(self, log: Log, rows: np.ndarray) -> None:
        self.users, self.items = ({f: ids for f, (_, ids) in columns(log, side).items()} for side in ("user", "item"))
        self.user, self.item = log.user[rows].astype(np.int64), log.item[rows].astype(np.int64)
        count = np.bincount(log.item, minlength=log.schema.items).astype(np.float32)
        self.count = (count - count.min()) / (count.max() - count.min())
        time = log.time[rows].astype(np.float64)
        self.time = ((time - time.min()) / max(time.max() - time.min(), 1)).astype(np.float32)
        self.click = log.click[rows].astype(np.float32)

    def __len__(self) -> int:
        return len(self.item)

    def __getitem__(self, row: int) -> tuple[dict[str, Tensor], Tensor]:
        features = {name: torch.from_numpy(ids[self.user[row]]) for name, ids in self.users.items()}
        features |= {name: torch.from_numpy(ids[self.item[row]]) for name, ids in self.items.items()}
        features["item_id"] = torch.tensor([self.item[row]])
        features["count"] = torch.tensor([self.count[self.item[row]]])
        features["time"] = torch.tensor([self.time[row]])
        return features, torch.tensor(self.click[row])


def columns(log: Log, side: SideName) -> dict[str, tuple[int, np.ndarray]]:
    """Each token field's number of ids, padding included, and its own ids, (rows, width) int64."""
    layout, table = log.schema.side(side), log.users.ids if side == "user" else log.items.ids
    found, offset = {}, 0
    for field, place in zip(layout.tokens, layout.columns, strict=True):
        found[field.name] = field.size + 1, np.maximum(table[:, place].astype(np.int64) - offset, 0)
        offset += field.size
    return found


class RowWiseDeepFM(nn.Module):
    """DeepFM on a dict of columns; one embedding module per field."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        sizes = {name: size for side in ("user", "item") for name, (size, _) in columns(log, side).items()}
        self.names = list(sizes)
        self.tables = nn.ModuleDict({name: nn.Embedding(size, DIM) for name, size in sizes.items()})
        self.item_id = nn.Embedding(log.schema.items, DIM)
        self.numbers = nn.ParameterDict({name: nn.Parameter(torch.zeros(1, DIM)) for name in ("count", "time")})
        self.linear = nn.Linear(2, 1)
        width = (len(self.names) + 3) * DIM
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [nn.Linear(width, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2)]
            width = 16
        self.mlp = nn.Sequential(*layers, nn.Linear(16, 1))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -0.01, 0.01)

    def forward(self, features: dict[str, Tensor], item: Tensor | None = None) -> Tensor:
        """(batch,) logits."""
        embedded = [self.item_id(features["item_id"]).squeeze(1) if item is None else item]
        embedded += [self.tables[name](features[name]).sum(1) for name in self.names]
        embedded += [features[name] * vector for name, vector in self.numbers.items()]
        stacked = torch.stack(embedded, 1)
        pairs = 0.5 * (stacked.sum(1) ** 2 - (stacked**2).sum(1)).sum(1)
        linear = self.linear(torch.cat([features["count"], features["time"]], 1)).squeeze(1)
        return pairs + linear + self.mlp(stacked.flatten(1)).squeeze(1)


class RowWiseGenerator(nn.Module):
    """CVAR's generator, with AVAEW's classifier, row by row of the batch."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        sizes = {name: size for name, (size, _) in columns(log, "item").items()}
        self.names = list(sizes)
        self.tables = nn.ModuleDict({name: nn.Embedding(size, DIM) for name, size in sizes.items()})
        self.item_id = nn.Embedding(log.schema.items, DIM)
        width = (len(self.names) + 2) * DIM
        self.count = nn.Parameter(torch.zeros(1, DIM))
        self.encoder, self.prior = nn.Linear(DIM, 2 * DIM), nn.Linear(width, 2 * DIM)
        self.decoder = nn.Linear(DIM + 1, DIM)
        self.hidden, self.last = nn.Linear(DIM, 32), nn.Linear(32, 1)

    def generating(self) -> list[nn.Parameter]:
        """All parameters but the classifier's."""
        judging = {*map(id, self.hidden.parameters()), *map(id, self.last.parameters())}
        return [parameter for parameter in self.parameters() if id(parameter) not in judging]

    def forward(self, features: dict[str, Tensor], real: Tensor) -> tuple[Tensor, Tensor]:
        """Warm-up embeddings, (batch, dim), and the loss without its CTR part."""
        side = [self.item_id(features["item_id"]).squeeze(1), features["count"] * self.count]
        side += [self.tables[name](features[name]).sum(1) for name in self.names]
        mean, spread = self.encoder(real).chunk(2, 1)
        prior_mean, prior_spread = self.prior(torch.cat(side, 1)).chunk(2, 1)
        spread, prior_spread = (0.5 * spread).exp(), (0.5 * prior_spread).exp()
        made = self.decoder(torch.cat([mean + 1e-4 * spread * torch.randn_like(mean), features["count"]], 1))
        warm = self.decoder(
            torch.cat([prior_mean + 1e-4 * prior_spread * torch.randn_like(mean), features["count"]], 1)
        )
        distance = ((mean - prior_mean) ** 2 + (spread - prior_spread) ** 2).sum(1).mean()
        return warm, ((real - made) ** 2).sum(1).mean() + 0.2048 * distance


def loader(log: Log, rows: np.ndarray, batch_size: int) -> DataLoader:
    """Shuffled batches, collated row by row."""
    return DataLoader(RowByRow(log, rows), batch_size=batch_size, shuffle=True)


def pretrain(log: Log, rows: np.ndarray, batch_size: int = 2048) -> RowWiseDeepFM:
    """One epoch over some rows."""
    model = RowWiseDeepFM(log)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-6)
    for features, click in loader(log, rows, batch_size):
        loss = functional.binary_cross_entropy_with_logits(model(features), click)
        _step(optimizer, loss)
    return model


def cvar(log: Log, rows: np.ndarray, batch_size: int = 2048, adversarial: bool = False) -> None:
    """CVAR's generator, ten steps per batch, on a backbone that is not trained first; or AVAEW's."""
    model, generator = RowWiseDeepFM(log), RowWiseGenerator(log)
    model.requires_grad_(False)
    optimizer = torch.optim.Adam(generator.generating(), lr=1e-3, weight_decay=1e-6)
    judge = torch.optim.Adam([*generator.hidden.parameters(), *generator.last.parameters()], lr=1e-3, weight_decay=1e-6)
    for features, click in loader(log, rows, batch_size):
        for _ in range(10):
            real = model.item_id(features["item_id"]).squeeze(1)
            warm, loss = generator(features, real)
            loss = loss + functional.binary_cross_entropy_with_logits(model(features, warm), click)
            if adversarial:
                apart = generator.hidden(real).relu() - generator.hidden(warm).relu()
                loss = loss + 0.1 * (apart.mean(0) ** 2).mean() + 0.1 * (apart**2).mean()
            _step(optimizer, loss)
            for _ in range(3 * adversarial):
                judged = [generator.last(generator.hidden(v).relu()) for v in (real, warm.detach())]
                _step(judge, functional.softplus(-judged[0]).mean() + functional.softplus(judged[1]).mean())


def avaew(log: Log, rows: np.ndarray) -> None:
    """AVAEW's generator and classifier."""
    cvar(log, rows, adversarial=True)


def meta_e(log: Log, rows: np.ndarray, batch_size: int = 2048) -> None:
    """Meta-Embedding on two halves of the rows; the items of a pair of batches do not matter for the time."""
    model, network = RowWiseDeepFM(log).requires_grad_(False), _network(_side_width(log), 16)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, weight_decay=1e-6)
    halves = (loader(log, part, batch_size) for part in np.array_split(rows, 2))
    for (first, click_a), (second, click_b) in zip(*halves, strict=True):
        item = network(_side(model, log, first))
        loss_a = functional.binary_cross_entropy_with_logits(model(first, item), click_a)
        (gradient,) = torch.autograd.grad(loss_a, item, create_graph=True)
        loss_b = functional.binary_cross_entropy_with_logits(model(second, item - 1e-3 * gradient), click_b)
        _step(optimizer, 0.1 * loss_a + 0.9 * loss_b)


def mwuf(log: Log, rows: np.ndarray, batch_size: int = 2048) -> None:
    """MWUF's cold and warm losses in turn; its mean users are given."""
    model = RowWiseDeepFM(log).requires_grad_(False)
    new, users = nn.Embedding(log.schema.items, DIM), torch.randn(log.schema.items, DIM)
    scale, shift = _network(_side_width(log), 16), _network(DIM, 16)
    cold = torch.optim.Adam(new.parameters(), lr=1e-3, weight_decay=1e-6)
    networks = torch.optim.Adam([*scale.parameters(), *shift.parameters()], lr=1e-3, weight_decay=1e-6)
    for features, click in loader(log, rows, batch_size):
        item = new(features["item_id"]).squeeze(1)
        _step(cold, functional.binary_cross_entropy_with_logits(model(features, item), click))
        warm = scale(_side(model, log, features)) * item.detach() + shift(users[features["item_id"].squeeze(1)])
        _step(networks, functional.binary_cross_entropy_with_logits(model(features, warm), click))


def gar(log: Log, rows: np.ndarray, batch_size: int = 2048) -> None:
    """GAR's critic and generator in turn."""
    model, generator = RowWiseDeepFM(log).requires_grad_(False), RowWiseGenerator(log)
    names = list(columns(log, "user"))
    made = _network(_side_width(log), 200, 200, DIM, middle=nn.Tanh)
    towers = _network(len(names) * DIM, 200, 200, middle=nn.Tanh), _network(DIM, 200, 200, middle=nn.Tanh)
    critic = torch.optim.Adam([*towers[0].parameters(), *towers[1].parameters()], lr=1e-3, weight_decay=1e-6)
    player = torch.optim.Adam([*generator.tables.parameters(), *made.parameters()], lr=1e-3, weight_decay=1e-6)
    for features, click in loader(log, rows, batch_size):
        user = torch.cat([model.tables[name](features[name]).sum(1) for name in names], 1)[click > 0]
        real = model.item_id(features["item_id"]).squeeze(1)[click > 0]
        warm = made(_side(generator, log, features))
        fake = warm.detach()[click > 0]
        seen, items = towers[0](user), towers[1](real)
        against = 0.9 * towers[1](fake) + 0.1 * items.roll(1, 0)
        _step(critic, functional.softplus((seen * (against - items)).sum(1)).mean())
        warm = made(_side(generator, log, features))
        gain = towers[1](warm[click > 0]) - towers[1](real)
        loss = 0.5 * functional.softplus(-(towers[0](user) * gain).sum(1)).mean()
        loss = loss + 0.5 * (warm[click > 0] - real).abs().sum(1).mean()
        _step(player, loss + functional.binary_cross_entropy_with_logits(model(features, warm), click))


def _network(*widths: int, middle: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    widths = widths if len(widths) > 2 else (*widths, DIM)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), middle()]
    return nn.Sequential(*layers[:-1])


def _side_width(log: Log) -> int:
    return (len(columns(log, "item")) + 1) * DIM


def _side(model: RowWiseDeepFM | RowWiseGenerator, log: Log, features: dict[str, Tensor]) -> Tensor:
    """The embeddings of an item's side information, looked up for every row."""
    names = [field.name for field in log.schema.side("item").tokens]
    numbers = features["count"].expand(-1, DIM)
    return torch.cat([*(model.tables[name](features[name]).sum(1) for name in names), numbers], 1)


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
