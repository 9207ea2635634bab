"""A planted world (coldbench 2026, DOI 10.0/none): the truth of the embedded dataset, in closed form.

``coldbench.data.planted`` documents the truth. A share 1 - ``own`` of what an item is like is told by its side
information. Methods that generate an embedding from side information are better where ``own`` is small, so a report
that rests on one value of it shows little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from coldbench.data import planted
from coldbench.plugin import (
    COUNT,
    Count,
    Dataset,
    Factors,
    Field,
    Ground,
    Learned,
    Prepared,
    Range,
    Schema,
    Share,
    World,
    as_dict,
    digest,
)

_START, _SECONDS = 1_600_000_000, 365 * 86_400


@dataclass(frozen=True)
class Config:
    """The sizes and the truth; every report should vary ``own``."""

    items: Annotated[int, Range(50, 1_000_000)] = 2_000  # items that are there before the test
    arrivals: Count = 40  # items that arrive on each day
    history: Count = 10  # rows per user in the log from before the test, and at least ten times as many per item
    categories: Count = 20  # of items, one each
    brands: Count = 30  # of items, one each
    tags: Count = 40  # of items, one to four each
    own: Share = 0.5  # share of an item's quality and taste that its side information does not tell
    strength: Annotated[float, Range(0, 100)] = 1.0  # how much users and items decide
    level: Annotated[float, Range(-10, 10)] = -1.0  # log-odds that an average user wants an average item


class Planted(World):
    """Users and items with planted moods, qualities and tastes."""

    title = "Planted"
    sided = True

    def make(self, config: Config, log: Dataset | None, learned: Learned, users: int, days: int, seed: int) -> Ground:
        """Draws the truth, the arrivals and the log from before the test."""
        count = config.items + days * config.arrivals
        shared = {name: getattr(config, name) for name in ("categories", "brands", "tags", "own", "strength")}
        source = planted.plant(planted.World(users=users, items=count, seed=seed, **shared))
        random = np.random.default_rng((seed, 18))
        arrival = np.full(count, -1, np.int32)
        new = random.permutation(count)[: days * config.arrivals]
        arrival[new] = np.repeat(np.arange(days), config.arrivals)
        rows = config.history * max(users, 10 * config.items)
        user = _drawn(source.activity, rows, random)
        item = _drawn(np.where(arrival < 0, source.popularity, 0), rows, random)
        truth, side = _factors(source, config.level)
        wanted = random.random(rows) < 1 / (1 + np.exp(-truth.pairs(user, item)))
        people, things = (
            {name: values.astype(np.int32) for name, values in part.items()} for part in (source.users, source.items)
        )
        schema = Schema(users, count, (*_fields(config, users), Field(COUNT, "numeric", "item")))
        time = np.sort(random.integers(_START, _START + _SECONDS, rows))
        columns = {"user": user, "item": item, "click": wanted.astype(np.uint8), "time": time}
        prepared = Prepared("Planted", schema, people, things, columns)
        dataset = prepared.dataset("planted", digest(["planted", as_dict(config), users, days, seed]), 200, 20)
        seconds = np.exp(random.normal(3.2, 0.9, count)).clip(3, 600).astype(np.float32)
        return Ground(dataset, people["user_id"], arrival, seconds, things["category"], truth, side, _card(config))


def _factors(source: planted.Truth, level: float) -> tuple[Factors, Factors]:
    """The truth as inner products, and the part of it that is a sum over an item's category, brand and tags."""
    people, like = source.factors()
    people[:, 0] += level
    words = [np.eye(int(values.max()) + 1)[values] for values in source.items.values()]
    sides = np.concatenate([one if one.ndim == 2 else one[:, :, 1:].sum(1) for one in words], 1)
    told = sides @ np.linalg.lstsq(sides, like, rcond=None)[0]
    first, second = (Factors(people.astype(np.float32), part.astype(np.float32)) for part in (like, told))
    return first, second


def _drawn(share: np.ndarray, rows: int, random: np.random.Generator) -> np.ndarray:
    """(rows,) int32 numbers, drawn with probabilities in proportion to the given shares."""
    upto = np.cumsum(share)
    return np.searchsorted(upto, random.random(rows) * upto[-1], side="right").astype(np.int32)


def _fields(config: Config, users: int) -> tuple[Field, ...]:
    return (
        Field("user_id", "categorical", "user", users),
        Field("age", "categorical", "user", planted.AGES),
        Field("segment", "categorical", "user", planted.SEGMENTS),
        Field("category", "categorical", "item", config.categories),
        Field("brand", "categorical", "item", config.brands),
        Field("tags", "multi", "item", config.tags, planted.TAGS_PER_ITEM),
    )


def _card(config: Config) -> tuple[tuple[str, str], ...]:
    return (
        ("truth", "planted, in closed form: calibrated by construction"),
        ("share of an item that side information cannot tell", f"{config.own:g}"),
    )
