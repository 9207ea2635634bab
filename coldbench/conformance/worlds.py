"""The checks that every world must pass; each yields one line per fault."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from coldbench.conformance.subject import TINY, Subject, load
from coldbench.data.world import Ground
from coldbench.online.assumptions import Assumptions
from coldbench.online.behaviour import Behaviour
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry

USERS, DAYS, SEED = 60, 3, 1


def make(subject: Subject) -> Ground:
    """Makes the world small; one that is made from a dataset is made from the embedded one."""
    owner = subject.owner
    fields = {field.name for field in dataclasses.fields(owner.Config)}
    spec = subject.spec(**({"dataset": "synthetic"} if "dataset" in fields else {}))
    log = None if owner().source(spec.config) is None else load(Registry().spec(DATASETS, "synthetic", TINY))
    learned = owner().learn(spec.config, log)
    ground: Ground = owner().make(spec.config, log, learned, USERS, DAYS, SEED)
    return ground


def is_well_formed(subject: Subject) -> Iterator[str]:
    """Arrivals, profiles and lengths are in range, and nothing of a new item is known before it arrives."""
    ground = make(subject)
    data, items = ground.dataset, ground.dataset.schema.items
    for name, array, rows in (
        ("arrival", ground.arrival, items),
        ("seconds", ground.seconds, items),
        ("category", ground.category, items),
        ("profile", ground.profile, USERS),
    ):
        if array.shape != (rows,):
            yield f"{name} has shape {array.shape}; it should be ({rows},)"
            return
    if ground.arrival.min() < -1 or ground.arrival.max() >= DAYS:
        yield f"arrivals lie in [{ground.arrival.min()}, {ground.arrival.max()}]; they should lie in [-1, {DAYS - 1}]"
    if not ((ground.arrival >= 0).any() and (ground.arrival < 0).any()):
        yield "some items should be there before the test, and some arrive during it"
    if (ground.arrival[data.item] >= 0).any():
        yield "the log from before the test has rows of items that arrive later"
    if ground.profile.min() < 0 or ground.profile.max() >= data.schema.users:
        yield f"profiles should lie in [0, {data.schema.users})"
    if not (np.isfinite(ground.seconds).all() and (ground.seconds > 0).all() and (ground.category >= 0).all()):
        yield "videos should last a positive time, and categories be numbered from 0"
    if data.schema.side("context").fields:
        yield "the dataset has context fields, which nobody fills during the test"


def answers_by_counter(subject: Subject) -> Iterator[str]:
    """Made twice, and asked in any order, users answer alike; the truth is the same in pairs and as a table."""
    first, second = make(subject), make(subject)
    random = np.random.default_rng(0)
    users = random.permutation(USERS)
    pages = random.integers(first.dataset.schema.items, size=(USERS, 5)).astype(np.int32)
    forward = Behaviour(first, Assumptions(), SEED).of(users, pages, 0)
    backward = Behaviour(second, Assumptions(), SEED).of(users[::-1], pages[::-1], 0)
    for name, one, other in zip(forward._fields, forward, backward, strict=True):
        if not np.array_equal(one, other[::-1]):
            yield f"{name} depends on the order in which users are asked, or on when the world was made"
    table = first.truth.table(first.profile)
    who, what = np.repeat(np.arange(USERS), 5), pages[np.argsort(users)].ravel()
    pairs = first.truth.pairs(first.profile[who], what)
    if table.shape != (USERS, first.dataset.schema.items) or not np.isfinite(table).all():
        yield "truth.table should give one finite log-odds per user and item"
    elif not np.allclose(table[who, what], pairs, atol=1e-4):
        yield "truth.pairs and truth.table disagree"
