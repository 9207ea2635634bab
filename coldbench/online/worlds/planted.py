"""A planted world (coldbench 2026, DOI 10.0/none): tastes in closed form, as in the dataset ``synthetic``.

Side information tells a share 1 - ``own`` of an item's taste. Methods that generate an embedding from side information
are better where ``own`` is small, so a report that rests on one value of it shows little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

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

_TASTE, _AGES, _SEGMENTS, _TAGS = 8, 7, 12, 4
_START, _SECONDS = 1_600_000_000, 365 * 86_400


@dataclass(frozen=True)
class Config:
    """The sizes and the truth; every report should vary ``own``."""

    items: Annotated[int, Range(50, 1_000_000)] = 2_000  # items that are there before the test
    arrivals: Count = 40  # items that arrive on each day
    history: Count = 10  # rows per user in the log from before the test, and at least ten times as many per item
    categories: Count = 20  # of items, one each
    brands: Count = 60  # of items, one each
    tags: Count = 200  # of items, one to four each
    own: Share = 0.3  # share of an item's taste that its side information does not tell
    strength: Annotated[float, Range(0, 100)] = 1.5  # how much taste decides
    level: Annotated[float, Range(-10, 10)] = -1.0  # log-odds that an average user wants an average item


class Planted(World):
    """Users and items with planted tastes."""

    title = "Planted"
    sided = True

    def make(self, config: Config, log: Dataset | None, learned: Learned, users: int, days: int, seed: int) -> Ground:
        """Draws users, items, tastes and the log from before the test."""
        random = np.random.default_rng((seed, 18))
        count = config.items + days * config.arrivals
        person = {
            "user_id": np.arange(users, dtype=np.int32),
            "age": random.integers(_AGES, size=users, dtype=np.int32),
            "segment": random.integers(_SEGMENTS, size=users, dtype=np.int32),
        }
        tags = random.integers(1, config.tags + 1, (count, _TAGS), dtype=np.int32)
        tags *= np.arange(_TAGS) < random.integers(1, _TAGS + 1, count)[:, None]
        thing = {
            "category": random.integers(config.categories, size=count, dtype=np.int32),
            "brand": random.integers(config.brands, size=count, dtype=np.int32),
            "tags": tags,
        }
        truth, side = _tastes(config, random, person, thing)
        arrival = np.r_[np.full(config.items, -1), np.repeat(np.arange(days), config.arrivals)].astype(np.int32)
        rows = config.history * max(users, 10 * config.items)
        user = random.integers(users, size=rows, dtype=np.int32)
        popular = random.permutation(config.items).astype(np.int32)
        item = popular[(config.items * random.random(rows) ** 2).astype(np.int32)]  # a few items have most rows
        wanted = random.random(rows) < 1 / (1 + np.exp(-truth.pairs(user, item)))
        time = np.sort(random.integers(_START, _START + _SECONDS, rows))
        schema = Schema(users, count, (*_fields(config, users), Field(COUNT, "numeric", "item")))
        columns = {"user": user, "item": item, "click": wanted.astype(np.uint8), "time": time}
        prepared = Prepared("Planted", schema, person, thing, columns)
        dataset = prepared.dataset("planted", digest(["planted", as_dict(config), users, days, seed]), 200, 20)
        seconds = np.exp(random.normal(3.2, 0.9, count)).clip(3, 600).astype(np.float32)
        return Ground(dataset, person["user_id"], arrival, seconds, thing["category"], truth, side, _card(config))


def _tastes(
    config: Config, random: np.random.Generator, person: dict[str, np.ndarray], thing: dict[str, np.ndarray]
) -> tuple[Factors, Factors]:
    """The truth, and the part of it that side information tells."""

    def drawn(rows: int) -> np.ndarray:
        return random.standard_normal((rows, _TASTE)).astype(np.float32)

    words = np.concatenate([np.zeros((1, _TASTE), np.float32), drawn(config.tags)])
    told = (
        drawn(config.categories)[thing["category"]] + drawn(config.brands)[thing["brand"]] + words[thing["tags"]].sum(1)
    )
    told *= np.sqrt(1 - config.own) / told.std()
    items = told + np.sqrt(config.own) * drawn(len(told))
    users = drawn(_AGES)[person["age"]] + drawn(_SEGMENTS)[person["segment"]] + drawn(len(person["age"]))
    users *= config.strength / (users.std() * np.sqrt(_TASTE))
    ones = np.ones((len(users), 1), np.float32)
    appeal = 0.5 * config.strength * random.standard_normal((len(told), 1)).astype(np.float32)
    whole, mean = appeal + config.level, np.full_like(appeal, config.level)
    people = np.concatenate([users, ones], 1)
    return Factors(people, np.concatenate([items, whole], 1)), Factors(people, np.concatenate([told, mean], 1))


def _fields(config: Config, users: int) -> tuple[Field, ...]:
    return (
        Field("user_id", "categorical", "user", users),
        Field("age", "categorical", "user", _AGES),
        Field("segment", "categorical", "user", _SEGMENTS),
        Field("category", "categorical", "item", config.categories),
        Field("brand", "categorical", "item", config.brands),
        Field("tags", "multi", "item", config.tags, _TAGS),
    )


def _card(config: Config) -> tuple[tuple[str, str], ...]:
    return (
        ("truth", "planted, in closed form: calibrated by construction"),
        ("share of taste that side information cannot tell", f"{config.own:g}"),
    )
