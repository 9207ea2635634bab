"""What a search's report says and draws: its trials' numbers, honestly where some were stopped."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from matplotlib import rc_context
from scipy import stats
from tags import Tags

from coldbench.core.space import Choice, LogUniform, Uniform
from coldbench.plugins.spec import Spec
from coldbench.report.analysis.importance import FEWEST, Share, shares
from coldbench.report.analysis.scale import BEYOND, Scale
from coldbench.report.analysis.studies import read
from coldbench.report.figures.fields import BEST, DEFAULTS, FINISHED, LOOKS, STOPPED, by_field, kinds
from coldbench.report.figures.importances import by_importance
from coldbench.report.figures.parallel import parallel
from coldbench.report.figures.searched import pictures
from coldbench.report.figures.style import RC
from coldbench.report.search import write_search
from coldbench.tuning.studies import Study
from coldbench.tuning.trials import Trial

SPACE = {
    "cvar.alpha": LogUniform(1e-2, 1e2),
    "cvar.noise": Uniform(0.0, 1.0),
    "cvar.repeats": Choice((1, 3, 10)),
    "deepfm.hidden": Choice(((16, 16), (64, 64))),
}
NASTY = "<img src=x onerror=alert(1)>$&"


@pytest.fixture(autouse=True)
def _style():
    with rc_context(RC):
        yield


@pytest.fixture(scope="module")
def make_study(make_cell):
    def make(space=SPACE, metric="mean-auc", seeds=1, label=None):
        cells = [dataclasses.replace(make_cell("deepfm", "cvar", seed=seed), validation=True) for seed in range(seeds)]
        if label:
            cells = [dataclasses.replace(cell, dataset=Spec("dataset", label, cell.dataset.config)) for cell in cells]
        return Study(tuple(cells), dict(space), metric)

    return make


def make_trials(study, count, sign=1, stopped=()):
    """The defaults and random values; the score follows alpha alone, with its best at 1, warm-a the other way round."""
    random = np.random.default_rng(0)
    made = []
    for number in range(count):
        values = {field: where.at(random.random()) for field, where in study.space.items()} if number else {}
        full = study.full(values)
        score = 0.7 - 0.02 * np.log10(full.get("cvar.alpha", 1.0)) ** 2 + random.normal(0, 1e-4)
        scores = [0.6, sign * (1 - score)] + ([] if number in stopped else [0.0, sign * score])
        state = "stopped" if number in stopped else "finished"
        made.append(Trial(study.name, number, full, scores, state, 1.0 + number))
    return made


def searched(study, *args, **more):
    return read([(study, make_trials(study, *args, **more))])[0]


@pytest.mark.parametrize(
    ("where", "values", "places", "ticks"),
    [
        (LogUniform(1e-2, 1e2), [0.01, 1, 100, 0, 1e5], [0, 0.5, 1, -BEYOND, 1 + BEYOND], "0.01 0.1 1 10 100"),
        (LogUniform(2, 8), [4], [0.5], "2 4 8"),
        (Uniform(0, 0.5), [0.25, -3], [0.5, -BEYOND], "0 0.2 0.4"),
        (Choice((1, 3)), [3, 1, 10], [1 / 2, 1 / 6, 5 / 6], "1 3 10"),
        (Choice(((16, 16), (64, 64))), [[64, 64], (16, 16)], [0.75, 0.25], "16x16 64x64"),
        (Choice((True, False)), [False], [0.75], "true false"),
    ],
)
def test_values_have_their_place_on_the_scale_that_was_searched(where, values, places, ticks):
    scale = Scale.over(where, values)
    assert [scale.place(value) for value in values] == pytest.approx(places)
    assert " ".join(label for _, label in scale.ticks()) == ticks
    assert all(0 <= place <= 1 for place, _ in scale.ticks())


def test_equal_choices_lie_beside_each_other_and_never_in_another_ones_place():
    scale = Scale(Choice(("a", "b", "c")))
    places = [scale.spread("b", number) for number in range(30)]
    assert len(set(places)) == 30
    assert all(1 / 3 < place < 2 / 3 for place in places)


def test_importance_is_the_r_squared_of_the_ranks():
    random = np.random.default_rng(1)
    scales = {"x": Scale(Uniform(0, 1)), "c": Scale(Choice(("a", "b", "c")))}
    values = [{"x": random.random(), "c": "abc"[random.integers(3)]} for _ in range(40)]
    scores = [-((each["x"] - 0.5) ** 2) + random.normal(0, 0.02) for each in values]
    found = shares(scales, values, scores)
    ranks = stats.rankdata(scores)
    x = np.array([each["x"] for each in values])
    curve = np.polyval(np.polyfit(x, ranks, 2), x)
    assert found["x"].explained == pytest.approx(1 - ((ranks - curve) ** 2).sum() / ((ranks - ranks.mean()) ** 2).sum())
    means = np.array([np.mean([r for r, v in zip(ranks, values, strict=True) if v["c"] == e["c"]]) for e in values])
    assert found["c"].explained == pytest.approx(
        ((means - ranks.mean()) ** 2).sum() / ((ranks - ranks.mean()) ** 2).sum()
    )
    assert found["x"].shown  # though no straight line would show it
    assert abs(stats.spearmanr(x, scores).statistic) < 0.3
    assert not found["c"].shown
    assert shares(scales, values, scores) == found
    # the level for two fields and two terms each, as the F distribution has it for scores that are normal
    quantile = stats.f.ppf(1 - 0.05 / 2, 2, 37)
    assert found["x"].chance == pytest.approx(2 * quantile / (2 * quantile + 37), abs=0.02)


def test_where_nothing_matters_hardly_any_search_shows_something():
    random = np.random.default_rng(2)
    scales = {name: Scale(Uniform(0, 1)) for name in "abcd"}
    told = 0
    for _ in range(60):
        values = [dict(zip("abcd", random.random(4), strict=True)) for _ in range(16)]
        told += any(share.shown for share in shares(scales, values, random.normal(size=16)).values())
    assert told <= 9  # 3 expected; more than 9 in one of 1500 suites


def test_importance_says_when_it_would_mean_nothing():
    scales = {"x": Scale(Uniform(0, 1)), "c": Scale(Choice(tuple("abcde")))}
    values = [{"x": n / 40, "c": "abcde"[n % 5]} for n in range(40)]
    assert shares(scales, values[:23], list(range(23))) == "23 trials, and fewer than 24 say nothing"  # four terms
    only = {"x": scales["x"]}
    assert f"fewer than {FEWEST}" in shares(only, values[:11], list(range(11)))
    assert shares(only, values, [0.5] * 40) == "all trials scored the same"
    assert shares({}, [], []) == "nothing was searched"
    constant = shares(only, [{"x": 0.5}] * 40, list(range(40)))["x"]
    assert constant.explained == 0
    assert not constant.shown


def test_a_study_is_read_with_its_defaults_and_best_and_scores_in_their_own_sign(make_study):
    found = searched(make_study(metric="mean-logloss"), 10, sign=-1, stopped=(3, 4))
    assert found.metric == "mean log loss"
    assert not found.higher_is_better
    assert found.stopped == 2
    assert found.defaults == found.attempts[0]
    finished = [each for each in found.attempts if each.state == "finished"]
    assert found.best.score == min(each.score for each in finished) > 0
    assert all(each.score is None and each.early > 0 for each in found.attempts if each.state == "stopped")
    assert searched(make_study(seeds=2), 3).early_metric == "AUC at warm-a, seed 0"


def test_trials_of_a_search_over_other_fields_have_the_defaults_in_those(make_study):
    wide, narrow = make_study(), make_study({"cvar.alpha": SPACE["cvar.alpha"]})
    (found,) = read([(wide, make_trials(narrow, 3))])
    assert all(each.values["deepfm.hidden"] == wide.full({})["deepfm.hidden"] for each in found.attempts)
    assert found.defaults.number == 0
    (found,) = read([(narrow, make_trials(wide, 3))])
    assert found.other_fields == ["cvar.noise", "cvar.repeats", "deepfm.hidden"]
    assert found.defaults.number == 0


def points(axes, name):
    """(x, y) of what is drawn with a look."""
    look = LOOKS[name]
    lines = [line for line in axes.lines if (line.get_marker(), line.get_color()) == (look.marker, look.colour)]
    return {(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines}


def test_scores_are_drawn_against_each_field_and_stopped_trials_only_at_warm_a(make_study):
    found = searched(make_study(), 12, stopped=(2, 5, 7))
    figure = by_field(found)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in shown if axes.get_xlabel()] == ["alpha", "noise", "repeats", "deepfm.hidden"]
    assert [axes.get_ylabel() for axes in shown if axes.get_ylabel()] == ["mean AUC", "AUC at warm-a"]
    final, early = shown[0], shown[4]
    scale = found.scales["cvar.alpha"]
    done = [each for each in found.attempts if each.state == "finished"]
    assert points(final, FINISHED) == {(scale.place(each.values["cvar.alpha"]), each.score) for each in done}
    assert points(final, STOPPED) == set()
    assert len(points(early, FINISHED)) == 9
    stopped = [each for each in found.attempts if each.state == "stopped"]
    assert points(early, STOPPED) == {(scale.place(each.values["cvar.alpha"]), each.early) for each in stopped}
    assert points(final, BEST) == {(scale.place(found.best.values["cvar.alpha"]), found.best.score)}
    assert points(final, DEFAULTS) == {(0.5, found.defaults.score)}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [FINISHED, STOPPED, DEFAULTS, BEST]
    whole = by_field(searched(make_study(), 12))
    assert len([axes for axes in whole.axes if axes.get_visible()]) == 4  # no second row
    assert kinds(found, stopped[0]) == [STOPPED]


def test_lines_go_through_every_field_to_the_score_and_stopped_ones_end_before(make_study):
    found = searched(make_study(), 8, stopped=(3,))
    axes = parallel(found).axes[0]
    titles = [text.get_text() for text in axes.texts if text.get_position()[1] > 1.04]
    assert titles == ["alpha", "noise", "repeats", "deepfm.hidden", "AUC at warm-a", "mean AUC"]
    trials = [line for line in axes.lines if len(line.get_xdata()) > 2]
    assert sorted(len(line.get_xdata()) for line in trials) == [5, *[6] * 8]  # the defaults are dashed once more
    best = max(trials, key=lambda line: line.get_linewidth())
    assert best.get_ydata()[-1] == 1.0
    loss = searched(make_study(metric="mean-logloss"), 8, sign=-1)
    axes = parallel(loss).axes[0]
    best = max((line for line in axes.lines if len(line.get_xdata()) > 2), key=lambda line: line.get_linewidth())
    assert best.get_ydata()[-1] == 1.0  # the smallest loss is up as well
    assert "AUC at warm-a" not in [text.get_text() for text in axes.texts]


def test_bars_are_solid_only_beyond_chance():
    figure = by_importance({"a": Share(0.1, 0.3), "b": Share(0.6, 0.3), "c": Share(0.0, float("nan"))}, "AUC")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a", "c"]
    assert [bar.get_width() for bar in axes.patches] == [0.6, 0.1, 0.0]
    assert [bar.get_facecolor()[3] > 0 for bar in axes.patches] == [True, False, False]
    assert len(axes.lines) == 2


@pytest.mark.parametrize(
    ("space", "count", "stopped", "kinds_drawn", "note"),
    [
        (SPACE, 14, (), ["fields", "parallel", "importance"], None),
        ({"cvar.alpha": SPACE["cvar.alpha"]}, 14, range(1, 14), ["fields", "parallel", "importance"], None),
        (SPACE, 14, range(14), ["fields", "parallel", "importance"], None),  # none finished
        (SPACE, 3, (), ["fields", "parallel"], "3 trials, and fewer than 12 say nothing"),
        (SPACE, 1, (), [], "it has 1 trial, no two to compare"),
        ({}, 1, (), [], None),
    ],
)
def test_whatever_was_searched_is_drawn_or_said(make_study, space, count, stopped, kinds_drawn, note):
    found = searched(make_study(space), count, stopped=stopped)
    drawn, notes = pictures([found])
    assert [picture.name.rpartition("-")[2] for picture in drawn] == kinds_drawn
    assert len(notes) == (note is not None)
    assert note is None or note in notes[0]
    assert pictures([found])[0] == drawn
    for picture in drawn:
        assert picture.files["png"].startswith(b"\x89PNG")
        assert (f"{len(stopped)} of {count}" in picture.caption) == bool(stopped)


def test_equal_scores_are_drawn_and_have_no_importance(make_study):
    study = make_study()
    same = [dataclasses.replace(trial, scores=[0.5] * 4) for trial in make_trials(study, 14)]
    drawn, notes = pictures(read([(study, same)]))
    assert len(drawn) == 2
    assert notes == [
        f"No importance of hyper-parameters for {read([(study, same)])[0].title}: all trials scored the same."
    ]


def test_the_report_shows_every_study_its_trials_and_figures_and_trusts_no_name(make_study, tmp_path):
    nasty = make_study(label=NASTY)
    plain = make_study({"cvar.alpha": SPACE["cvar.alpha"]})
    nothing = make_study({}, label="another")
    made = [
        (nasty, make_trials(nasty, 13, stopped=(4,))),
        (plain, make_trials(plain, 3)),
        (nothing, make_trials(nothing, 1)),
    ]
    report = write_search(tmp_path, made)
    markdown = report.path.read_text()
    assert report.summary in markdown
    links = re.findall(r"!\[[^]]*\]\(([^)]*)\)", markdown)
    assert len(links) == 5
    assert all((report.path.parent / link).is_file() for link in links)
    assert {path.suffix for path in (tmp_path / "report" / "figures").iterdir()} == {".svg", ".pdf", ".png"}
    assert "3 trials, and fewer than 12 say nothing" in markdown
    page = Tags((tmp_path / "report" / "index.html").read_text())
    text = " ".join(" ".join(page.text).split())
    assert not {"img", "b"} & set(page.tags)
    assert page.tags.count("script") == 1
    assert all(value[0] == "#" or value == "data:," for name, value in page.attributes if name in ("src", "href"))
    assert NASTY in text
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert page.tags.count("svg") == 5
    for study in read(made[:2]):
        assert study.title in text
        for each in study.attempts:
            assert f"{each.early:.4f}" in text
            assert each.score is None or f"{each.score:.4f}" in text
    assert page.tags.count("tr") == 3 + 1 + 13 + 1 + 3 + 1
    assert "3 trials, and fewer than 12 say nothing" in text
    assert "64x64" in text
