"""A fitted world (coldbench 2026, DOI 10.0/none): users, items and wishes of a real log, from any dataset.

The truth is a calibrated combination of additive effects, a factorisation with a free effect per item, and boosted
trees; no backbone is of these families. Its card says how well it predicts rows that nothing was fitted on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np

from coldbench.online.fitting.design import sample
from coldbench.online.fitting.truth import fit
from coldbench.plugin import (
    Count,
    Dataset,
    Ground,
    InputError,
    Learned,
    Schema,
    Share,
    Table,
    Tabled,
    World,
    digest,
)


@dataclass(frozen=True)
class Config:
    """The log and what becomes of it."""

    dataset: str = "ml-1m"  # any dataset that coldbench can load
    profiles: Count = 4_000  # users of the log, the most active; simulated users share them
    items: Count = 3_000  # items of the log, those with the most rows
    least: Count = 20  # rows that an item must have, or its truth would be a guess
    new: Share = 0.2  # share of the items that arrive during the test; none of their rows is known before it


class Fitted(World):
    """The users and items of a real log."""

    title = "Fitted"

    def source(self, config: Config) -> str:
        """The name of the log's dataset."""
        return config.dataset

    def learn(self, config: Config, log: Dataset | None) -> Learned:
        """Fits the truth, once for all seeds."""
        assert log is not None
        users, items = sample(log, config.profiles, config.items, config.least)
        if len(items) < 20 or len(users) < 20:
            raise InputError(
                f"{log.name} has {len(items)} items with {config.least} rows and {len(users)} of their users; a fitted "
                "world needs 20 of each: lower fitted.least or take another log"
            )
        table, lines = fit(log, users, items, 18)
        return {"users": users, "items": items, "table": table, "card": np.array(json.dumps(lines))}

    def make(self, config: Config, log: Dataset | None, learned: Learned, users: int, days: int, seed: int) -> Ground:
        """Draws who comes, which items are new and when they arrive."""
        assert log is not None
        random = np.random.default_rng((seed, 19))
        people, items = learned["users"], learned["items"]
        arrival = np.full(len(items), -1, np.int32)
        new = random.permutation(len(items))[: round(config.new * len(items))]
        arrival[new] = random.integers(days, size=len(new))
        known = np.flatnonzero(np.isin(log.user, people) & np.isin(log.item, items[arrival < 0]))
        fields = tuple(field for field in log.schema.fields if field.side != "context")
        none = np.zeros((len(known), 0))
        dataset = replace(
            log,
            name=f"fitted-{log.name}",
            fingerprint=digest([log.fingerprint, seed, days]),
            schema=Schema(len(people), len(items), fields),
            users=_rows(log.users, people),
            items=_rows(log.items, items),
            context=Table(none.astype(np.int32), none.astype(np.float32)),
            user=np.searchsorted(people, log.user[known]).astype(np.int32),
            item=np.searchsorted(items, log.item[known]).astype(np.int32),
            click=log.click[known],
            time=log.time[known],
        )
        profile = random.integers(len(people), size=users, dtype=np.int32)
        seconds = np.exp(random.normal(3.2, 0.9, len(items))).clip(3, 600).astype(np.float32)
        card = tuple((str(name), str(value)) for name, value in json.loads(str(learned["card"])))
        return Ground(dataset, profile, arrival, seconds, _kinds(dataset), Tabled(learned["table"]), None, card)


def _rows(table: Table, index: np.ndarray) -> Table:
    """Some rows of a side's table."""
    vectors = None if table.vectors is None else table.vectors[index]
    return Table(table.ids[index], table.numeric[index], vectors)


def _kinds(dataset: Dataset) -> np.ndarray:
    """(items,) int32: the first value of the item side's categorical field with the fewest values, numbered from 0."""
    layout = dataset.schema.side("item")
    named = [(field.size, places.start) for field, places in zip(layout.tokens, layout.columns, strict=True)]
    if not named:
        return np.zeros(dataset.schema.items, np.int32)
    column = dataset.items.ids[:, min(named)[1]]
    return np.unique(column, return_inverse=True)[1].astype(np.int32)
