"""The splits and the evaluation points: against slow loops in pandas, and with rows poisoned that must not matter."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coldbench.core.errors import InputError
from coldbench.model.batching import starts
from coldbench.model.view import View
from coldbench.plugins.spec import Spec
from coldbench.protocol.release import canonical, moment_of, released_after, shown
from coldbench.protocol.rules import Matched, Paper, Strict
from coldbench.protocol.shots import parse_shots, phase_names
from coldbench.protocol.splits import Frequency, Release

NAMES = {"base", "test"}
CPU = torch.device("cpu")


@st.composite
def logs(draw):
    """Small logs with many ties in time, an N, a K, and evaluation points."""
    rows = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), min_size=2, max_size=70))
    k = draw(st.integers(1, 3))
    shots = draw(st.one_of(st.just(()), st.sets(st.integers(1, 3 * k), min_size=1).map(lambda s: (0, *sorted(s)))))
    return np.array(rows), draw(st.integers(3 * k, 15)), k, shots


def by_hand(items: dict[int, pd.DataFrame], is_old, is_new, k: int, shots, until=None) -> dict[str, list[int]]:
    """Row numbers of each part, item by item.

    Args:
        items: Each item's rows, with columns row and time.
        is_old: Takes an item's rows and returns the numbers of those in base; empty for an item that is not old.
        is_new: Takes an item's rows and says whether it is new, if it is not old.
        k: K.
        shots: The evaluation points.
        until: The time before which rows are used; None for all.
    """
    points = dict(zip(phase_names(shots), shots or (0, k, 2 * k, 3 * k), strict=True))
    parts = {name: [] for name in (*NAMES, *list(points)[1:])}
    for rows in items.values():
        used = rows if until is None else rows[rows["time"] < until]
        base = is_old(used)
        if base:
            parts["base"] += base
        elif is_new(used):
            ordered = used.sort_values(["time", "row"])["row"].tolist()
            before = 0
            for name, end in list(points.items())[1:]:
                parts[name] += ordered[before:end]
                before = end
            parts["test"] += ordered[3 * k :]
    return parts


def small(dataset, rows, n, k):
    log = dataclasses.replace(
        dataset, item=rows[:, 0].astype(np.int32), time=rows[:, 1].astype(np.int64), click=dataset.click[: len(rows)]
    )
    frame = pd.DataFrame({"row": np.arange(len(rows)), "item": rows[:, 0], "time": rows[:, 1]})
    return dataclasses.replace(log, n=n, k=k), dict(iter(frame.groupby("item")))


def check(split_of, expected):
    """A split equals what is expected, or is refused where it has no base or no test."""
    if not expected["base"] or not expected["test"]:
        with pytest.raises(InputError):
            split_of()
        return
    split = split_of()
    found = {"base": split.base, **split.warm, "test": split.test}
    assert {name: sorted(rows) for name, rows in found.items()} == {
        name: sorted(rows) for name, rows in expected.items()
    }
    assert list(split.warm) == [name for name in expected if name not in NAMES]


FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FAST
@given(logs())
def test_frequency_equals_a_count_by_hand(dataset, log):
    rows, n, k, shots = log
    data, items = small(dataset, rows, n, k)
    expected = by_hand(
        items, lambda own: own["row"].tolist() if len(own) > n else [], lambda own: len(own) >= 3 * k, k, shots
    )
    check(lambda: Frequency().divide(data, shots), expected)


@FAST
@given(logs(), st.sampled_from(["0.2", "0.5", "0.8"]))
def test_release_and_its_validation_equal_a_count_by_hand(dataset, log, at):
    rows, n, k, shots = log
    data, items = small(dataset, rows, n, k)
    if len(set(data.time)) == 1:
        with pytest.raises(InputError, match="the same time in every row"):
            Release(at).divide(data, shots)
        return
    moment = sorted(data.time)[int(float(at) * len(rows))]

    def expected(start, until=None):
        def base(own):
            return own.loc[own["time"] < start, "row"].tolist()

        return by_hand(items, base, lambda own: len(own) > 3 * k, k, shots, until)

    check(lambda: Release(at).divide(data, shots), expected(moment))
    before = sorted(time for time in data.time if time < moment)
    if before and expected(moment)["test"]:
        earlier = before[len(before) ** 2 // len(rows)]
        check(lambda: Release(at).validation(data, shots, 0), expected(earlier, until=moment))


@pytest.fixture(scope="module")
def released(dataset):
    """The tiny dataset with items that are released one after another over the first part of the log."""
    random = np.random.default_rng(0)
    start = random.permutation(dataset.schema.items) / dataset.schema.items
    share = start[dataset.item] + (1 - start[dataset.item]) * random.random(dataset.rows)
    first = int(datetime(2001, 1, 1, tzinfo=UTC).timestamp())
    return dataclasses.replace(dataset, time=first + (share * 365 * 86_400).astype(np.int64), k=2)


MOMENTS = ["0.5", "2001-08-01"]


@pytest.mark.parametrize("at", MOMENTS)
def test_no_row_of_base_is_later_than_a_warm_up_row(released, at):
    split = Release(at).divide(released)
    rows = np.concatenate([*split.warm.values(), split.test])
    assert released.time[split.base].max() < released.time[rows].min()
    assert not set(released.item[split.base]) & set(split.new_items)
    validation = Release(at).validation(released, ())
    rows = np.concatenate([*validation.warm.values(), validation.test])
    assert released.time[validation.base].max() < released.time[rows].min()
    assert released.time[rows].max() < moment_of(released, at)
    assert set(validation.new_items) <= set(split.old_items)
    assert validation.batch_scale == len(validation.new_items) / len(split.new_items)


def poisoned(data, rows):
    """Other labels, users, items, numbers and later times in some rows."""
    random = np.random.default_rng(1)
    columns = {name: getattr(data, name).copy() for name in ("click", "user", "item", "time")}
    columns["click"][rows] = 1 - columns["click"][rows]
    columns["time"][rows] += 10**7
    for name in ("user", "item"):
        columns[name][rows] = random.choice(columns[name][rows], len(rows))  # with replacement: counts change too
    numeric = data.context.numeric.copy()
    numeric[rows] = 1e6
    return dataclasses.replace(data, **columns, context=dataclasses.replace(data.context, numeric=numeric))


def at_moment(cell, at, **changes):
    return dataclasses.replace(cell, split=Spec("split", "release", Release(at)), **changes)


@pytest.mark.parametrize(("at", "rules"), [("0.5", Strict()), ("2001-08-01", Matched(2))], ids=["strict", "matched"])
def test_base_and_what_is_learned_from_it_do_not_depend_on_later_rows(released, make_cell, at, rules):
    cell = at_moment(make_cell("deepfm", "cvar", rules=rules), at)
    later = poisoned(released, np.flatnonzero(released.time >= moment_of(released, at)))
    learned, known = [], []
    for data in (released, later):
        stages = cell.on(data)
        pretrained = stages.pretrain()
        learned.append([stages.split.base, *pretrained.state.values(), *stages.fit(pretrained).state.values()])
        view = stages.protocol.view
        log = view.interactions(data, stages.split.base[:50])
        tensors = [*view._users, *view._items, log.numeric]
        known.append([each for each in tensors if each is not None])  # data without vectors have none
    assert all(np.array_equal(one, other) for one, other in zip(*learned, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(*known, strict=True))


def test_under_paper_base_knows_later_rows_so_that_the_test_above_can_fail(released):
    split = Release("0.5").divide(released)
    later = poisoned(released, np.flatnonzero(released.time >= moment_of(released, "0.5")))
    one, other = (View(data, Paper().known(split, 0), CPU)._items[1] for data in (released, later))
    assert not torch.equal(one, other)


@pytest.mark.parametrize("rules", [Paper(), Strict()], ids=["paper", "strict"])
def test_tuning_under_release_sees_no_row_from_the_moment_on(released, make_cell, rules):
    cell = at_moment(make_cell(method="dropoutnet", rules=rules), "2001-08-01", validation=True)
    later = poisoned(released, np.flatnonzero(released.time >= moment_of(released, "2001-08-01")))
    # an item that is new in the log may be no item at all once its rows are those of others
    for one, other in zip(cell.on(released).run(), cell.on(later).run(), strict=True):
        assert one.metrics == other.metrics
        assert one.logits.tobytes() == other.logits.tobytes()


def test_shots_are_scored_on_the_papers_rows_from_the_same_start(dataset, split, make_cell):
    plain = make_cell(rules=Matched(2))
    cell = dataclasses.replace(plain, shots=(0, 1, 5, 14))
    stages = cell.on(dataset)
    assert np.array_equal(stages.split.test, split.test)
    outcomes, published = stages.run(), plain.on(dataset).run()
    assert [outcome.phase for outcome in outcomes] == ["cold", "1 shot", "5 shots", "14 shots"]
    assert [outcome.shots for outcome in outcomes] == [0, 1, 5, 14]
    assert [outcome.shots for outcome in published] == [0, 5, 10, 15]
    assert outcomes[0].logits.tobytes() == published[0].logits.tobytes()
    rows = [len(split.new_items) * shots for shots in (1, 4, 9)]
    assert [outcome.steps for outcome in outcomes[1:]] == [2 * len(starts(count, 256)) for count in rows]
    assert [outcome.distinct_rows_seen for outcome in outcomes[1:]] == rows


def test_evaluation_points_share_pretraining_and_fit_and_splits_do_not(make_cell):
    plain = make_cell(method="cvar")
    shots = dataclasses.replace(plain, shots=(0, 1))
    assert shots.key != plain.key
    assert (shots.pretrained_key, shots.fitted_key) == (plain.pretrained_key, plain.fitted_key)
    keys = {"key", "pretrained_key", "fitted_key"}
    splits = [plain, at_moment(plain, "0.5"), at_moment(plain, "0.6")]
    for key in keys:
        assert len({getattr(cell, key) for cell in splits}) == 3
    assert at_moment(plain, "0.50").key == splits[1].key
    assert plain.name == "synthetic[users=150,items=120,interactions=6000,n=60,k=5] / fm / cvar / seed 0"
    assert dataclasses.replace(splits[1], shots=(0, 1)).name == f"{plain.name} / release[at=0.5], shots 0, 1"


def test_validation_by_shots_pretrains_the_same_backbone(dataset, make_cell):
    """Under ``paper`` counts come from all known rows, those beyond the last evaluation point included."""
    cell = dataclasses.replace(make_cell(), validation=True)
    by_shots = dataclasses.replace(cell, shots=(0, 1, 2))
    one, other = (each.on(dataset).pretrain().state for each in (cell, by_shots))
    assert all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("texts", "shots"),
    [((), ()), (("5", "1", "0", "5"), (0, 1, 5)), (("20",), (0, 20))],
)
def test_shots_are_read_in_any_order(texts, shots):
    assert parse_shots(texts) == shots


@pytest.mark.parametrize("texts", [("x",), ("-1",), ("1.5",), ("0",), ("²",), ("0", "99999999999")])
def test_shots_that_are_no_numbers_are_bad_input(texts):
    with pytest.raises(InputError, match="should be numbers of interactions per new item, such as 0,1,2"):
        parse_shots(texts)


def test_more_shots_than_there_are_before_the_test_are_bad_input(dataset):
    with pytest.raises(InputError, match="--shots 16 is more than 3 K = 15"):
        Frequency().divide(dataset, (0, 16))


@pytest.mark.parametrize(
    ("at", "standard"),
    [
        ("0.80", "0.8"),
        ("2001-01-01", "2001-01-01"),
        ("2001-01-01T00:00", "2001-01-01"),
        ("2001-01-01T12:00:00+02:00", "2001-01-01T10:00:00"),
    ],
)
def test_moments_have_one_spelling(at, standard):
    assert Release(at) == Release(standard)
    assert Release(at).at == standard


@pytest.mark.parametrize("at", ["", "1", "0", "20010101", "-0.5", "nan", "inf", "1.5", "2001-13-01", "yesterday"])
def test_moments_that_are_none_are_bad_input(at):
    with pytest.raises(InputError, match="it should be a date such as 2001-01-01, or a share"):
        canonical(at)


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000], ids=["seconds", "milliseconds", "microseconds"])
def test_dates_are_in_the_unit_of_the_log(released, unit):
    data = dataclasses.replace(released, time=released.time * unit)
    expected = int(datetime(2001, 8, 1, tzinfo=UTC).timestamp()) * unit
    assert moment_of(data, "2001-08-01") == expected
    assert shown(data, expected) == "2001-08-01 00:00:00"
    with pytest.raises(InputError, match=r"spans 2001-01-.* to 2001-12-3"):
        moment_of(data, "2003-01-01")


def test_what_does_not_split_in_time_says_what_would(dataset, released):
    with pytest.raises(InputError, match=r"the same time in every row.*--split frequency"):
        Release().divide(dataclasses.replace(released, time=np.zeros_like(released.time)))
    with pytest.raises(InputError, match=r"0 items first seen later.*another moment or a smaller K"):
        Release("0.999").divide(released)
    late = dataclasses.replace(dataset, time=dataset.time + (dataset.item % 4 == 0) * 10**9)
    rows = np.bincount(late.item, minlength=late.schema.items)[::4]
    assert len(Release("2050-01-01").divide(late).new_items) == (rows > 3 * late.k).sum() > 0
    with pytest.raises(InputError, match="which tuning treats as new; give a later moment"):
        Release("2050-01-01").validation(late, ())


@given(logs())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_new_items_after_a_moment_are_counted_without_splitting(dataset, log):
    rows, n, k, _ = log
    data, _ = small(dataset, rows, n, k)
    shares = ("0.8", "0.5", "0.05")
    if len(set(rows[:, 1])) == 1:
        return
    for share, counted in zip(shares, released_after(data, shares), strict=True):
        try:
            assert counted == len(Release(share).divide(data).new_items)
        except InputError:
            assert counted == 0 or not (data.time < moment_of(data, share)).any()
