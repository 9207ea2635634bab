"""One run of the simulated test: the only loop over its days."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from coldbench.data.world import Ground
from coldbench.model.settings import Settings
from coldbench.online.assumptions import Assumptions
from coldbench.online.behaviour import Behaviour
from coldbench.online.designs import Group, groups
from coldbench.online.funnel import Funnel
from coldbench.online.matching import Matching, Taste
from coldbench.online.models import Models
from coldbench.online.platform import Platform
from coldbench.online.scorers import BONUS, ORACLE, RANDOM, SIDE, ByChance, ByModel, ByTruth, Scorer
from coldbench.online.served import Served
from coldbench.online.tally import Tally
from coldbench.plugins.spec import Spec


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        design: The design.
        control: The control's method.
        arm: The arm's method, or the name of a permanent arm.
        backbone: The two-tower backbone of pre-ranking.
        ranker: The backbone of ranking, which has the control's method in every arm.
        own: The settings of platform and users.
        training: The training settings that all methods share.
        device: ``cpu`` or ``cuda``.
        users: The number of users of the whole run.
        days: The days of the test.
        seed: The seed of the world.
    """

    design: str
    control: Spec
    arm: Spec | str
    backbone: Spec
    ranker: Spec
    own: Assumptions
    training: Settings
    device: str
    users: int
    days: int
    seed: int

    @property
    def label(self) -> str:
        """The label of the arm."""
        return self.arm if isinstance(self.arm, str) else self.arm.label

    def models(self, ground: Ground) -> Models:
        """The models that every task of the world shares; each is trained when it is asked for."""
        return Models(ground, self.training, self.own.pretrain_steps, self.device, self.seed)


class Experiment:
    """A run, day by day.

    Args:
        setting: What is run.
        ground: The world.
        models: The models of the world; None trains them.
    """

    def __init__(self, setting: Setting, ground: Ground, models: Models | None = None) -> None:
        self.setting, self.ground = setting, ground
        own = setting.own
        self.behaviour = Behaviour(ground, own, setting.seed)
        self.groups = groups(
            setting.design, setting.control.label, setting.label, setting.users, ground.arrival, setting.seed
        )
        models = models or setting.models(ground)
        self._controls, self._platforms, self._scorers, self._serving = [], [], [], []  # type: ignore[var-annotated]
        for number, group in enumerate(self.groups):
            control = models.served(setting.backbone, setting.control)
            tested = self._tested(models, group, control)
            if group.platform == len(self._platforms):
                ranker = models.served(setting.ranker, setting.control)
                self._platforms.append(Platform(ground, own, ranker, [], setting.device, setting.seed))
            learning = self._platforms[group.platform].pre_rankers
            learning += [model for model in dict.fromkeys((control, tested)) if model is not None]
            self._serving.append(tested)
            self._controls.append(ByModel(control, ground.arrival >= 0))
            self._scorers.append(self._scorer(number, control, tested))
        self.taste = Taste(ground, own, models.served(setting.backbone, setting.control), self._platforms[0].view)
        self.tally = Tally(ground, own, self.groups, setting.users, setting.days)
        self._shown = np.full((setting.users, (own.burn_in + setting.days) * own.page), -1, np.int32)

    def days(self) -> Iterator[int]:
        """Runs day by day; yields the number of days that have ended."""
        for day in range(self.setting.own.burn_in + self.setting.days):
            self._day(day)
            yield day + 1

    def arrays(self) -> dict[str, np.ndarray]:
        """What was counted so far, with the users' and the items' part in it.

        Returns:
            By name: those of ``Tally.arrays``; ``member``, (users,), the number of each user's group; ``allowed``,
            (groups, items), whether a group may be shown an item; ``arrival``, (items,); ``days``, (),
            the days of the test.
        """
        member = np.zeros(self.setting.users, np.int8)
        for number, group in enumerate(self.groups):
            member[group.users] = number
        allowed = np.stack([group.items for group in self.groups])
        about = {"member": member, "allowed": allowed, "arrival": self.ground.arrival, "days": self.setting.days}
        return self.tally.arrays() | {name: np.asarray(part) for name, part in about.items()}

    def _day(self, number: int) -> None:
        own, seed = self.setting.own, self.setting.seed
        day = number - own.burn_in  # of the test
        for platform in self._platforms if day == 0 else ():
            platform.begin(self._serving)
        for place, group in enumerate(self.groups):
            platform = self._platforms[group.platform]
            scorer: Scorer = self._controls[place] if day < 0 else self._scorers[place]
            scorer.morning(platform.view)
            there = group.items & (self.ground.arrival <= day) | (self.ground.arrival < 0)
            matching = Matching(self.ground, own, self.taste, platform.log, there, number, seed)
            funnel = Funnel(self.ground, own, matching, scorer, platform.ranker, platform.view, there, number)
            users = group.users[self.behaviour.comes(group.users, day)]
            passed = funnel.passed(users, self._shown[users, : number * own.page])
            came = self.behaviour.of(users, passed.pages, day)
            self._shown[users, number * own.page : (number + 1) * own.page] = np.where(came.seen, passed.pages, -1)
            self.tally.add(place, users, number, passed, came)
            platform.add(self.ground.profile[users], passed.pages, came)
        if number + 1 < own.burn_in + self.setting.days:  # nobody comes after the last night
            for platform in self._platforms:
                platform.night(day)

    def _tested(self, models: Models, group: Group, control: Served) -> Served | None:
        """The model of the group's arm; None for an arm without a model of its own."""
        arm = self.setting.arm
        if group.arm == self.setting.control.label or arm == BONUS:
            return control
        return None if isinstance(arm, str) else models.served(self.setting.backbone, arm)

    def _scorer(self, number: int, control: Served, tested: Served | None) -> Scorer:
        ground, label = self.ground, self.groups[number].arm
        new = ground.arrival >= 0
        if label == RANDOM:
            return ByChance(self.setting.seed, len(new))
        if label in (ORACLE, SIDE):
            truth = ground.truth if label == ORACLE else ground.side
            assert truth is not None  # the plan has no arm `side` for a world without it
            return ByTruth(truth)
        assert tested is not None
        return ByModel(tested, new, self.setting.own.bonus if label == BONUS else 0.0)
