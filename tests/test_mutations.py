"""Every mutation of ``make mutate`` still breaks something that is there."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
spec = importlib.util.spec_from_file_location("mutations", ROOT / "benchmarks" / "mutations.py")
mutations = sys.modules["mutations"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mutations)


@pytest.mark.parametrize("mutation", mutations.MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_applies_and_names_tests_that_exist(mutation):
    text = mutations.mutated(mutation, (ROOT / mutation.file).read_text())
    ast.parse(text)
    for test in mutation.tests:
        file, _, name = test.partition("::")
        assert f"def {name.partition('[')[0]}" in (ROOT / file).read_text()


def test_names_are_told_apart():
    names = [mutation.name for mutation in mutations.MUTATIONS]
    assert len(set(names)) == len(names)
