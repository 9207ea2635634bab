"""The embedded dataset: a log drawn in seconds from a planted truth, which ``coldbench.data.planted`` documents.

Its default size and its truth were chosen to resemble MovieLens-1M: how well the plain baseline predicts, what twenty
clicks per item add, and that side information tells a part of an item. ``own`` sets the share that it cannot tell.
No method's default was chosen on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from scipy.special import expit

from coldbench.data.planted import AGES, SEGMENTS, TAGS_PER_ITEM, Truth, World, plant
from coldbench.plugin import (
    COUNT,
    TIME,
    Count,
    Dataset,
    Field,
    Prepared,
    Range,
    Schema,
    Source,
    as_dict,
    digest,
)

_VERSION = "2"
_START, _SECONDS = 1_600_000_000, 3 * 365 * 86_400


@dataclass(frozen=True)
class Config(World):
    """The sizes, and how clicks come about; the defaults resemble a MovieLens-1M of 0.6 times the size."""

    interactions: Annotated[int, Range(1_000, 1_000_000_000)] = 600_000
    n: Count = 200
    k: Count = 20


class Synthetic(Source):
    """Interactions drawn from a planted truth."""

    key = "synthetic"
    title = "Synthetic"
    label_rule = "Drawn with a chance that grows with how well the item's planted taste suits the user's."
    traps = ("The world is generated: it shows that code works, not that a method does.",)

    def load(self, config: Config, data_dir: Path | None = None) -> Dataset:
        """Generates the dataset; equal configurations give equal bytes."""
        sizes = {name: value for name, value in as_dict(config).items() if name not in ("n", "k")}
        fingerprint = digest(["synthetic", _VERSION, sizes])
        return self.generate(config).dataset(self.key, fingerprint, config.n, config.k)

    def generate(self, config: Config) -> Prepared:
        """Generates the columns."""
        truth = plant(config)
        fields = (
            Field("user_id", "categorical", "user", config.users),
            Field("age", "categorical", "user", AGES),
            Field("segment", "categorical", "user", SEGMENTS),
            Field("category", "categorical", "item", config.categories),
            Field("brand", "categorical", "item", config.brands),
            Field("tags", "multi", "item", config.tags, TAGS_PER_ITEM),
            Field(COUNT, "numeric", "item"),
            Field(TIME, "numeric", "context"),
        )
        return Prepared(
            label=self.title,
            schema=Schema(config.users, config.items, fields),
            users=_whole(truth.users),
            items=_whole(truth.items),
            interactions=_log(truth, config.interactions, np.random.default_rng((config.seed, 1))),
        )


def _whole(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values.astype(np.int32) for name, values in columns.items()}


def _log(truth: Truth, rows: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    item, user = _draw(random, truth.popularity, rows), _draw(random, truth.activity, rows)
    return {
        "user": user,
        "item": item,
        "click": (random.random(rows) < expit(truth.logit(user, item))).astype(np.uint8),
        "time": np.sort(random.integers(_START, _START + _SECONDS, rows)),
    }


def _draw(random: np.random.Generator, share: np.ndarray, rows: int) -> np.ndarray:
    """(rows,) int32 numbers drawn with the given probabilities."""
    upto = np.cumsum(share)
    drawn = np.searchsorted(upto, random.random(rows) * upto[-1])
    return np.minimum(drawn, len(share) - 1).astype(np.int32)
