"""The embedded dataset: generated in seconds, with a planted link between side information and taste.

Every item's taste vector is mostly the sum of the tastes of its category, brand and tags, plus a
part of its own. Methods that generate an embedding from side information therefore have something
to find, and something is left to learn from clicks. Popularity follows a power law.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from coldbench.plugin import (
    COUNT,
    TIME,
    Count,
    Dataset,
    Field,
    Prepared,
    Range,
    Schema,
    Share,
    Source,
    as_dict,
    digest,
)

_VERSION = "1"
_TASTE = 8  # dimensions of the planted taste
_TAGS_PER_ITEM = 4
_START, _SECONDS = 1_600_000_000, 3 * 365 * 86_400


@dataclass(frozen=True)
class Config:
    """The sizes; the defaults resemble a small MovieLens, and the bounds exceed MovieLens-25M."""

    users: Annotated[int, Range(20, 10_000_000)] = 4_000
    items: Annotated[int, Range(20, 10_000_000)] = 1_200
    interactions: Annotated[int, Range(1_000, 1_000_000_000)] = 240_000
    categories: Count = 20
    brands: Count = 60
    tags: Count = 200
    own: Share = 0.3  # share of an item's taste that its side information does not determine
    strength: Annotated[float, Range(0, 100)] = 2.0  # how much taste decides a click; 0: nothing to learn
    seed: Annotated[int, Range(0, 2**31)] = 0
    n: Count = 200
    k: Count = 20


class Synthetic(Source):
    """Interactions drawn from planted tastes."""

    key = "synthetic"
    label_rule = "Drawn with a chance that grows with how well the item's planted taste suits the user's."
    traps = ("The world is generated: it shows that code works, not that a method does.",)

    def load(self, config: Config, data_dir: Path | None = None) -> Dataset:
        """Generates the dataset; equal configurations give equal bytes."""
        sizes = {name: value for name, value in as_dict(config).items() if name not in ("n", "k")}
        fingerprint = digest(["synthetic", _VERSION, sizes])
        return self.generate(config).dataset(self.key, fingerprint, config.n, config.k)

    def generate(self, config: Config) -> Prepared:
        """Generates the columns."""
        random = np.random.default_rng(config.seed)
        ages, segments = 7, 12
        users = {
            "user_id": np.arange(config.users, dtype=np.int32),
            "age": random.integers(ages, size=config.users, dtype=np.int32),
            "segment": random.integers(segments, size=config.users, dtype=np.int32),
        }
        tags = np.zeros((config.items, _TAGS_PER_ITEM), np.int32)
        given = random.integers(1, _TAGS_PER_ITEM + 1, config.items)
        drawn = random.integers(1, config.tags + 1, tags.shape, dtype=np.int32)
        tags = np.where(np.arange(_TAGS_PER_ITEM) < given[:, None], drawn, tags)
        items = {
            "category": random.integers(config.categories, size=config.items, dtype=np.int32),
            "brand": random.integers(config.brands, size=config.items, dtype=np.int32),
            "tags": tags,
        }

        def tastes(rows: int) -> np.ndarray:
            return random.standard_normal((rows, _TASTE)).astype(np.float32)

        tag_taste = np.concatenate([np.zeros((1, _TASTE), np.float32), tastes(config.tags)])
        told = tastes(config.categories)[items["category"]] + tastes(config.brands)[items["brand"]]
        told += tag_taste[tags].sum(1)
        told /= told.std()
        item_taste = np.sqrt(1 - config.own) * told + np.sqrt(config.own) * tastes(config.items)
        user_taste = tastes(ages)[users["age"]] + tastes(segments)[users["segment"]] + tastes(config.users)
        user_taste /= user_taste.std()
        appeal = 0.5 * random.standard_normal(config.items).astype(np.float32)

        item = _draw(random, config.items, config.interactions, exponent=0.9)
        user = _draw(random, config.users, config.interactions, exponent=0.5)
        liking = np.einsum("rt,rt->r", user_taste[user], item_taste[item]) / np.sqrt(_TASTE)
        chance = 1 / (1 + np.exp(-config.strength * (liking + appeal[item])))
        fields = (
            Field("user_id", "categorical", "user", config.users),
            Field("age", "categorical", "user", ages),
            Field("segment", "categorical", "user", segments),
            Field("category", "categorical", "item", config.categories),
            Field("brand", "categorical", "item", config.brands),
            Field("tags", "multi", "item", config.tags, _TAGS_PER_ITEM),
            Field(COUNT, "numeric", "item"),
            Field(TIME, "numeric", "context"),
        )
        return Prepared(
            label="Synthetic",
            schema=Schema(config.users, config.items, fields),
            users=users,
            items=items,
            interactions={
                "user": user,
                "item": item,
                "click": (random.random(config.interactions) < chance).astype(np.uint8),
                "time": np.sort(random.integers(_START, _START + _SECONDS, config.interactions)),
            },
        )


def _draw(random: np.random.Generator, things: int, rows: int, exponent: float) -> np.ndarray:
    """Draws ``rows`` of ``things`` by a power law over their ranks; the ranks are random."""
    weight = np.cumsum(np.arange(1, things + 1) ** -exponent)
    drawn = np.searchsorted(weight, random.random(rows) * weight[-1])
    return random.permutation(things).astype(np.int32)[np.minimum(drawn, things - 1)]
