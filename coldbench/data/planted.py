"""The planted truth of the embedded dataset: who likes what, in closed form and without any log.

The logit of a click is ``strength * (mood(user) + 1.3 quality(item) + 0.5 <taste(user), taste(item)> / sqrt(2))``. All
four are standard normal. Quality has a correlation of 0.3 with popularity, as popular items are better on average. The
rest of an item's quality, and its taste, are told by category, brand and tags, but for a share ``own`` that only clicks
tell. Age and segment tell a tenth of a user's mood and two thirds of the taste. Popularity and activity have long
tails.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from coldbench.core.space import Count, Range, Share

TAGS_PER_ITEM = 4
AGES, SEGMENTS = 7, 12
_TASTE = 2  # dimensions of a taste
_QUALITY_WEIGHT, _TASTE_WEIGHT = 1.3, 0.5  # in the logit; the mood's is 1
_POPULAR = 0.3  # correlation of quality with the logarithm of popularity
_TOLD_MOOD = 0.1  # share of a user's mood that age and segment determine
_ITEM_TAIL, _USER_TAIL = 0.035, 0.02  # smaller: heavier tails


@dataclass(frozen=True)
class World:
    """What the truth depends on; the bounds exceed MovieLens-25M."""

    users: Annotated[int, Range(20, 10_000_000)] = 3_600
    items: Annotated[int, Range(20, 10_000_000)] = 2_200
    categories: Count = 20
    brands: Count = 30
    tags: Count = 40
    own: Share = 0.5  # share of an item's quality and taste that its side information does not determine
    strength: Annotated[float, Range(0, 100)] = 1.0  # how much users and items decide a click; 0: nothing to learn
    seed: Annotated[int, Range(0, 2**31)] = 0


@dataclass(frozen=True)
class Truth:
    """Users and items with their fields and what decides their clicks.

    Attributes:
        users: (users,) values by field name.
        items: (items,) or (items, width) values by field name.
        activity: (users,) each user's expected share of the log's rows.
        popularity: (items,) each item's expected share of the log's rows.
        mood: (users,) how readily a user clicks.
        quality: (items,) how much all users like an item.
        user_taste: (users, factors).
        item_taste: (items, factors).
        strength: The factor of the whole logit.
    """

    users: dict[str, np.ndarray]
    items: dict[str, np.ndarray]
    activity: np.ndarray
    popularity: np.ndarray
    mood: np.ndarray
    quality: np.ndarray
    user_taste: np.ndarray
    item_taste: np.ndarray
    strength: float

    def logit(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """(rows,) users and (rows,) items -> (rows,) logits of a click."""
        liking = np.einsum("rt,rt->r", self.user_taste[user], self.item_taste[item]) / np.sqrt(_TASTE)
        appeal: np.ndarray = self.mood[user] + _QUALITY_WEIGHT * self.quality[item] + _TASTE_WEIGHT * liking
        return self.strength * appeal

    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """(users, width) and (items, width) whose inner products are the logits; an item's first factor is 1."""
        liking = _TASTE_WEIGHT / np.sqrt(_TASTE) * self.user_taste
        users = np.c_[self.mood, np.full(len(self.mood), _QUALITY_WEIGHT), liking]
        return self.strength * users, np.c_[np.ones(len(self.quality)), self.quality, self.item_taste]


def plant(world: World) -> Truth:
    """Draws the truth; equal worlds give equal arrays."""
    random = np.random.default_rng(world.seed)
    age, segment = random.integers(AGES, size=world.users), random.integers(SEGMENTS, size=world.users)
    tags = 1 + random.choice(world.tags, (world.items, TAGS_PER_ITEM), p=long_tail(world.tags))
    given = random.integers(1, TAGS_PER_ITEM + 1, world.items)
    tags = np.where(np.arange(TAGS_PER_ITEM) < given[:, None], tags, 0)
    category, brand = (random.choice(size, world.items, p=long_tail(size)) for size in (world.categories, world.brands))
    popularity = random.permutation(long_tail(world.items, _ITEM_TAIL, cut=True))

    def normal(rows: int) -> np.ndarray:
        return random.standard_normal((rows, 1 + _TASTE))

    tag = np.concatenate([np.zeros((1, 1 + _TASTE)), normal(world.tags)])
    told = _standard(normal(world.categories)[category] + normal(world.brands)[brand] + 0.7 * tag[tags].sum(1))
    item = np.sqrt(1 - world.own) * told + np.sqrt(world.own) * normal(world.items)
    quality = _POPULAR * _standard(np.log(popularity)) + np.sqrt(1 - _POPULAR**2) * item[:, 0]
    of_user = normal(AGES)[age] + normal(SEGMENTS)[segment]
    own = normal(world.users)
    mood = np.sqrt(_TOLD_MOOD) * _standard(of_user[:, 0]) + np.sqrt(1 - _TOLD_MOOD) * own[:, 0]
    return Truth(
        users={"user_id": np.arange(world.users), "age": age, "segment": segment},
        items={"category": category, "brand": brand, "tags": tags},
        activity=random.permutation(long_tail(world.users, _USER_TAIL)),
        popularity=popularity,
        mood=_standard(mood),
        quality=_standard(quality),
        user_taste=_standard(of_user + own)[:, 1:],
        item_taste=_standard(item)[:, 1:],
        strength=world.strength,
    )


def long_tail(things: int, flat: float = 0.1, cut: bool = False) -> np.ndarray:
    """(things,) decreasing shares 1 / (x + flat) of ranks x in [0, 1] (Zipf and Mandelbrot); ``cut`` ends them at 0."""
    weight = 1 / ((np.arange(things) + 0.5) / things + flat) - cut / (1 + flat)
    share: np.ndarray = weight / weight.sum()
    return share


def _standard(values: np.ndarray) -> np.ndarray:
    """Centres the values of each column and divides all by their common standard deviation, unless that is 0."""
    centred = values - values.mean(0)
    return centred / (centred.std() or 1.0)
