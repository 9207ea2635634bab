"""The house: data flows one way, plugins see only what they are meant to see; the order stands in pyproject.toml."""

from __future__ import annotations

import statistics

import house
import pytest

KNOWN = house.modules()
RAY = "coldbench.run."  # the only package that may import it
MOST_ENTRIES, DEEPEST, MEDIAN, LONGEST_FUNCTION = 20, 12, 110, 60
MAY_IMPORT = {"methods": {"plugin"}, "backbones": {"plugin"}, "datasets": {"plugin", "data"}}


def test_every_room_has_its_place_in_the_order():
    inside = {name.removesuffix(".py") for name in house.entries()} - {"__init__", "py.typed"}
    assert inside | house.OUTSIDE == set(house.ORDER)


@pytest.mark.parametrize("room", house.ORDER)
def test_a_room_imports_only_from_rooms_above_it(room):
    above = house.ORDER[: house.ORDER.index(room)]
    assert house.arrows()[room] <= set(above)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_plugin_sees_only_the_interfaces(room):
    assert house.arrows()[room] <= MAY_IMPORT[room]


def test_no_modules_import_each_other_in_a_circle():
    assert house.circles() == []


def test_the_house_stays_small_enough_to_be_seen_at_a_glance():
    assert len(house.entries()) <= MOST_ENTRIES
    assert house.depth() <= DEEPEST
    assert statistics.median(house.lengths()) < MEDIAN
    assert [f"{name}: {lines} lines" for name, lines in house.functions() if lines > LONGEST_FUNCTION] == []


@pytest.mark.parametrize("name", KNOWN)
def test_no_static_import_of_plugins_and_ray_only_in_one_package(name):
    names = house.imports(KNOWN[name])
    plugins = ("methods", "backbones", "coldbench.methods", "coldbench.backbones")
    assert not [found for found in names if found.startswith(tuple(f"{plugin}." for plugin in plugins))]
    if not name.startswith(RAY):
        assert not [found for found in names if found.split(".")[0] == "ray"]


def test_the_protocol_names_no_method():
    text = "".join(path.read_text() for path in house.files("protocol"))
    for path in (house.ROOT / "methods").glob("*.py"):
        if path.stem not in ("__init__", "base"):
            assert f'"{path.stem}"' not in text


def test_the_page_of_the_house_is_made_from_it():
    assert house.PAGE.read_text() == house.page(), "run `make architecture`"
