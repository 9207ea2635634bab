"""Options -> the tasks of a simulation, after checking every name and value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from coldbench.core.config import resolve
from coldbench.core.errors import InputError, unknown
from coldbench.data.dataset import Dataset
from coldbench.model.backbone import TwoTower
from coldbench.model.settings import Settings
from coldbench.online.assumptions import Assumptions
from coldbench.online.experiment import Setting
from coldbench.online.names import GLOBAL
from coldbench.online.options import SimulateOptions
from coldbench.online.scorers import PERMANENT, SIDE
from coldbench.online.task import Task
from coldbench.plugins.file import PluginFile
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS, WORLDS
from coldbench.plugins.registry import Registry, class_of
from coldbench.plugins.spec import Spec
from coldbench.runs.plan import EVERY_METHOD, TRAINING, parse_device, parse_overrides, parse_spec, parse_specs

ONLINE = "online"  # in --set, the name of the assumptions on platform and users


@dataclass(frozen=True)
class SimulationPlan:
    """The tasks of a simulation with its options, the datasets of its worlds by label and its plugin files."""

    options: SimulateOptions
    tasks: tuple[Task, ...]
    datasets: dict[str, Dataset]
    plugins: tuple[PluginFile, ...]

    @property
    def named(self) -> dict[str, tuple[str, str]]:
        """Label of each method -> its key and its title."""
        settings = [task.setting for task in self.tasks]
        arms = [arm for own in settings for arm in (own.control, own.arm) if not isinstance(arm, str)]
        return {arm.label: (arm.name, class_of(arm).title or arm.name) for arm in arms}


def make_plan(options: SimulateOptions) -> SimulationPlan:
    """Checks every name and value, loads the datasets of the worlds and lists the tasks.

    Raises:
        InputError: A name, field or value is wrong, or a dataset is not available.
    """
    options.check()
    files = tuple(PluginFile.read(Path(path)) for path in options.plugin)
    registry = Registry(files)
    overrides = parse_overrides(registry, options.set)
    control = parse_spec(registry, METHODS, options.control, overrides)
    methods = parse_specs(registry, METHODS, options.methods, overrides)
    worlds = parse_specs(registry, WORLDS, options.world, overrides)
    backbone, ranker = (parse_spec(registry, BACKBONES, name, overrides) for name in (options.backbone, options.ranker))
    if not issubclass(class_of(backbone), TwoTower):
        raise InputError(
            f"--backbone {options.backbone} has no two towers; pre-ranking needs one that has, such as dssm"
        )
    own = resolve(ONLINE, Assumptions, overrides.pop(ONLINE, {}))
    training = resolve(TRAINING, Settings, overrides.pop(TRAINING, {}))
    overrides.pop(EVERY_METHOD, None)
    used = {spec.name for spec in (control, *methods, *worlds, backbone, ranker)}
    for name in set(overrides) - used:
        raise unknown(f"name in --set {name}.{next(iter(overrides[name]))}", name, {*used, ONLINE, TRAINING})
    datasets: dict[str, Dataset] = {}
    tasks = []
    for world in worlds:
        source = _source(registry, world, datasets, options.data_dir)
        for seed in options.seeds:
            for design, arm in _arms(options, control, methods, world):
                setting = Setting(
                    *(design, control, arm, backbone, ranker, own, training, parse_device(options.device)),
                    *(2 * options.users, options.days, seed),
                )
                fingerprint = "" if source is None else datasets[source.label].fingerprint
                tasks.append(Task(world, source, fingerprint, setting))
    if not tasks:
        raise InputError(f"--methods {','.join(options.methods)} holds nothing but the control; give another method")
    return SimulationPlan(options, tuple(tasks), datasets, files)


def _arms(
    options: SimulateOptions, control: Spec, methods: list[Spec], world: Spec
) -> Iterator[tuple[str, Spec | str]]:
    """Every design with its arms; the control and the permanent arms run in ``global``, where users are not split."""
    tested = [method for method in methods if method.label != control.label]
    for design in dict.fromkeys(options.design):
        yield from ((design, arm) for arm in ([control, *tested] if design == GLOBAL else tested))
        if design == GLOBAL:
            sided = class_of(world).sided
            yield from ((design, arm) for arm in PERMANENT if arm != SIDE or sided)


def _source(registry: Registry, world: Spec, datasets: dict[str, Dataset], data_dir: str | None) -> Spec | None:
    """The dataset that a world is made from, which is loaded if it is not there yet."""
    text = class_of(world)().source(world.config)
    if text is None:
        return None
    source = parse_spec(registry, DATASETS, text, {})
    if source.label not in datasets:
        datasets[source.label] = class_of(source)().load(source.config, Path(data_dir) if data_dir else None)
    return source
