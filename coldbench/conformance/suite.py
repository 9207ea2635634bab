"""The checks per kind of plugin: ``coldbench check`` runs them on a file, the tests on all registered plugins."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coldbench.conformance import backbones, datasets, methods, worlds
from coldbench.conformance.subject import Subject
from coldbench.core.config import resolve
from coldbench.core.errors import InputError
from coldbench.plugins.file import PluginFile, explained
from coldbench.plugins.kinds import BACKBONES, DATASETS, METHODS, WORLDS
from coldbench.plugins.registry import Registry, defined

Check = Callable[[Subject], Iterator[str]]  # one line per fault


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The result of all checks on one plugin.

    Attributes:
        name: The plugin's kind and name.
        faults: Maps each check to its faults; the list is empty if the check passed.
    """

    name: str
    faults: dict[str, list[str]]

    @property
    def passed(self) -> bool:
        """Whether no check found a fault."""
        return not any(self.faults.values())

    def text(self) -> str:
        """One line per check, with its faults below it."""
        lines = [f"{'wrong' if found else 'ok   '}  {title}" for title, found in self.faults.items()]
        indented = ["".join(f"\n       - {fault}" for fault in found) for found in self.faults.values()]
        verdict = "passes" if self.passed else f"has {sum(map(len, self.faults.values()))} faults"
        return "\n".join([a + b for a, b in zip(lines, indented, strict=True)] + [f"{self.name} {verdict}"])


def check(path: Path) -> Verdict:
    """Runs all checks of a plugin's kind on its file.

    Raises:
        InputError: If the file cannot be imported, or defines no plugin that could be checked.
    """
    file = PluginFile.read(path)
    registry = Registry([file])
    kind, name = defined(file)
    subject = Subject(kind.name, name, registry)
    checks = CHECKS[kind.name].items()
    return Verdict(f"{kind.name} {name!r}", {title: faults(check, subject) for title, check in checks})


def faults(check: Check, subject: Subject) -> list[str]:
    """Returns the faults that a check finds; an exception counts as a fault."""
    found = []
    try:
        for fault in check(subject):
            found.append(fault)
    except (Exception, SystemExit) as error:  # a plugin may raise anything
        found.append(f"it raised {explained(error, *subject.paths)}")
    return found


def _describes_itself(subject: Subject) -> Iterator[str]:
    owner: Any = subject.owner
    text = inspect.getmodule(owner).__doc__ or ""
    if not re.search(r"(19|20)\d\d", text):
        yield "the docstring at the top of the file should name the year of its source"
    if not re.search(r"arXiv:\d{4}\.\d{4,5}|DOI 10\.\d+|NeurIPS", text):
        yield "the docstring at the top of the file should cite its source, as arXiv:1234.56789 or DOI 10.…"
    lines = inspect.getsource(owner.Config).splitlines()
    for field in dataclasses.fields(owner.Config):
        line = next((line for line in lines if re.match(rf"\s+{field.name}\s*:", line)), None)
        if line is not None and "#" not in line:
            yield f"Config.{field.name} should have a comment that says what it is"


def _space_suits_config(subject: Subject) -> Iterator[str]:
    owner = subject.owner
    known = {field.name for field in dataclasses.fields(owner.Config)}
    for field, where in owner.space.items():
        if field not in known:
            yield f"space has {field!r}, which is no field of Config"
            continue
        for value in where.extremes():
            try:
                resolve(subject.name, owner.Config, {field: value})
            except InputError as error:
                yield f"space reaches {value!r}, which Config does not take: {error}"


CHECKS: dict[str, dict[str, Check]] = {
    METHODS.name: {
        "it says where it comes from and what can be set": _describes_itself,
        "its space suits its Config": _space_suits_config,
        "the same seed gives the same bits, all finite": methods.repeats,
        "only cold items' embeddings move": methods.moves_only_cold_rows,
        "it takes the steps that it says": methods.takes_the_steps_it_says,
        "no test row is learnt from": methods.sees_no_test_row,
        "everything that it has learns in fit": methods.learns_in_fit,
        "what fit learns reaches the cold items": methods.uses_what_fit_learns,
        "what fit learns can be written down": methods.keeps_what_fit_learns,
        "it runs at the ends of its space": methods.runs_at_the_ends_of_its_space,
    },
    BACKBONES.name: {
        "it says where it comes from and what can be set": _describes_itself,
        "its space suits its Config": _space_suits_config,
        "encode does without v_I, score gives one finite logit per row": backbones.splits,
        "its two towers, if it has them, multiply to score": backbones.its_towers_agree_with_score,
        "only the item table is item-specific": backbones.has_no_other_item_parameter,
        "it runs at the ends of its space": backbones.runs_at_the_ends_of_its_space,
        "the same seed gives the same bits, all finite": backbones.repeats,
    },
    DATASETS.name: {
        "its values are in range": datasets.is_well_formed,
        "it is the same each time": datasets.repeats,
    },
    WORLDS.name: {
        "it says where it comes from and what can be set": _describes_itself,
        "its numbers are in range, and nothing is known of an item before it arrives": worlds.is_well_formed,
        "users answer by counter, alike in any order": worlds.answers_by_counter,
    },
}
