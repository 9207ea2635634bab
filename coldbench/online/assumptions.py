"""``Assumptions``: every setting of the simulated platform and of its users' behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from coldbench.core.space import Count, Range, Share

Seconds = Annotated[float, Range(0, 100_000)]
Logit = Annotated[float, Range(-50, 50)]
Steps = Annotated[int, Range(0, 100_000)]


@dataclass(frozen=True)
class Assumptions:
    """What is assumed of the platform and its users; ``--set online.FIELD=VALUE`` changes one."""

    visits: Share = 1.0  # chance that a user makes a request on a day
    near: Count = 250  # matching: the user's nearest items by a warm two-tower model
    categories: Count = 2  # matching: favourite categories of a user
    of_category: Count = 60  # matching: the best items of each of them
    trending: Count = 80  # matching: yesterday's most viewed items
    quota: Count = 50  # matching: items that arrived during the test, in turn
    preranked: Count = 50  # items that pre-ranking passes on
    ranked: Count = 20  # items that ranking passes on
    page: Count = 10  # items on a page
    alike: Count = 3  # items of one category on a page
    patience: Share = 0.9  # chance of going on after each position of a page
    deep_seconds: Seconds = 30.0  # a deep view is longer than this,
    deep_share: Share = 0.8  # or than this share of the video
    long_seconds: Seconds = 30.0  # a long video is at least this long
    finish: Logit = -0.4  # log-odds of the share of a video that an average view lasts
    liking: Logit = 0.5  # how much the log-odds of wanting an item add to it
    pretrain_steps: Steps = 1_000  # least optimiser steps of each model on the log from before the test
    night_steps: Steps = 100  # optimiser steps of each model per night on the day's log, at most one pass
    warm_steps: Steps = 100  # optimiser steps per night on the rows of the items that are still cold
    cold_days: Count = 3  # nights after its arrival on which the method warms an item up
    bonus: Logit = 1.0  # what the arm `bonus` adds to the score of every item that arrived during the test
    burn_in: Annotated[int, Range(0, 100)] = 1  # days before the test on which every user gets the control

    @property
    def matched(self) -> int:
        """The largest number of items that matching passes on."""
        return self.near + self.categories * self.of_category + self.trending + self.quota
