"""Figures draw the records' numbers, alike everywhere, and the same bytes every time."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib import rc_context
from matplotlib.colors import to_rgb
from scipy import stats
from sklearn.decomposition import PCA

from coldbench.protocol.shots import phase_names
from coldbench.report.analysis import paper
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.measured import measure
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures import critical, difference, embeddings, phases, published, steps
from coldbench.report.figures.gallery import pictures
from coldbench.report.figures.picture import slug, write_pictures
from coldbench.report.figures.style import RC, looks
from coldbench.report.figures.summary import over, point
from coldbench.runs.folder import Folder
from coldbench.significance import Friedman

ASKED = ReportOptions()
METHODS = (*paper.methods(), "cvar[adapt=false]", "my_plugin")
NASTY = "$x_1$<script>alert(1)</script>&"


def make_frame(backbones=("deepfm", "ipnn"), methods=METHODS, seeds=3, dataset="ml-1m"):
    random = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "dataset": "MovieLens-1M",
            "dataset_name": dataset,
            "protocol": "paper",
            "backbone": backbone,
            "method": method,
            "seed": seed,
            "phase": phase,
            "auc": 0.73 + 0.01 * number + random.normal(0, 0.003),
            "steps": 7 if method == "base" else 90,
        }
        for backbone in backbones
        for method in methods
        for seed in range(seeds)
        for number, phase in enumerate(phase_names())
    )


@pytest.fixture(scope="module")
def frame():
    return make_frame()


@pytest.fixture(autouse=True)
def _style():
    with rc_context(RC):
        yield


def test_a_method_looks_the_same_everywhere_and_no_two_look_alike():
    chosen = looks(METHODS)
    for label in METHODS:
        assert looks([label])[label] == chosen[label]
    assert len({(look.marker, look.fill) for look in chosen.values()}) == len(METHODS)  # what tells them in grey
    assert chosen["cvar[adapt=false]"].colour == chosen["cvar"].colour
    assert chosen["cvar[adapt=false]"].dash != chosen["cvar"].dash
    own = [label for label in METHODS if "[" not in label]
    assert len({look.colour for label, look in chosen.items() if label in own}) == len(own)


def test_many_plugins_and_variants_still_differ():
    plugins = [f"plugin_{n}" for n in range(8)]
    chosen = looks(plugins)
    assert len({look.colour for look in chosen.values()}) == 8
    variants = [f"cvar[alpha={n}]" for n in range(5)]
    assert len({look.fill for look in looks(variants).values()}) == 5
    assert len(looks([f"plugin_{n}" for n in range(30)])) == 30  # more than there are colours


def test_colours_can_be_told_apart_without_red_or_without_green():
    """Protanopia and deuteranopia as in Vienot, Brettel and Mollon (1999), distance in linear RGB."""
    lost = {
        "red": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "green": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    colours = np.array([to_rgb(looks([method])[method].colour) for method in paper.methods()]) ** 2.2
    for matrix in lost.values():
        seen = colours @ np.array(matrix).T
        apart = np.linalg.norm(seen[:, None] - seen, axis=-1)[np.triu_indices(len(seen), 1)]
        assert apart.min() > 0.08


def test_a_point_is_the_mean_with_students_interval():
    values = np.array([0.7, 0.72, 0.75, np.nan])
    low, high = stats.t.interval(0.95, 2, np.mean(values[:3]), stats.sem(values[:3]))
    found = point(values, 0.05)
    assert (found.mean - found.below, found.mean + found.above) == pytest.approx((low, high))
    assert point(np.array([0.7]), 0.05).above == 0
    assert point(np.array([np.nan]), 0.05) is None


def test_by_phase_draws_the_means(frame):
    figure = phases.by_phase(frame, looks(METHODS), ASKED)
    assert [axes.get_title() for axes in figure.axes] == ["deepfm", "ipnn"]
    for axes in figure.axes:
        own = frame[(frame["backbone"] == axes.get_title()) & (frame["method"] == "gar")]
        expected = own.groupby("phase")["auc"].mean()[list(phase_names())]
        drawn = [line.get_ydata() for line in axes.lines if line.get_color() == looks(["gar"])["gar"].colour]
        assert any(np.allclose(values, expected) for values in drawn if len(values) == len(phase_names()))


def test_steps_add_up_over_the_warm_up_phases_and_leave_out_base(frame):
    warm = steps.spent(frame, steps.STEPS)
    assert set(warm["phase"]) == {"warm-a", "warm-b", "warm-c"}
    own = warm.query("method == 'cvar' and backbone == 'ipnn' and seed == 1")
    assert list(own["spent"]) == [90, 180, 270]
    figure = steps.against_cost(frame, looks(METHODS), ASKED, steps.STEPS)
    assert {tuple(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 3} >= {(90, 180, 270)}


def test_seconds_are_drawn_where_records_hold_them(frame):
    assert steps.against_cost(frame, looks(METHODS), ASKED, steps.SECONDS) is None  # an older record
    timed = frame.assign(cpu_seconds=frame["steps"] / 100 + frame["seed"])
    figure = steps.against_cost(timed, looks(METHODS), ASKED, steps.SECONDS)
    drawn = [
        tuple(np.asarray(line.get_xdata(), float).round(2))
        for line in figure.axes[0].lines
        if len(line.get_xdata()) == 3
    ]
    assert (1.9, 3.8, 5.7) in drawn  # 0.9 s and, over seeds 0 to 2, one more on average


def test_differences_are_paired_by_seed(frame):
    lost = frame.drop(frame.query("method == 'base' and seed == 0").index)
    found = difference.differences(lost, ASKED)
    part = lost[(lost["backbone"] == "ipnn") & (lost["phase"] == "warm-b")].pivot(
        index="seed", columns="method", values="auc"
    )
    own = (part["mwuf"] - part["base"]).dropna()
    assert len(own) == 2
    assert found["ipnn", "mwuf", "warm-b"].mean == pytest.approx(own.mean())
    assert difference.to_base(frame, looks(METHODS), ASKED) is not None
    assert difference.to_base(frame[frame["method"] != "base"], looks(METHODS), ASKED) is None


def test_pairs_with_the_paper(frame):
    found = published.pairs(frame, 1, 0.05)
    assert len(found) == 42
    assert found["deepfm", "base", "warm-a"][0] == 0.7452
    assert published.against_paper(make_frame(dataset="synthetic"), looks(METHODS), 0.05) is None


def test_ranks_across_blocks_and_why_there_are_none(frame):
    backbones, names = ("fm", "deepfm", "wide_deep", "dcn", "ipnn", "opnn"), ("base", "cvar", "avaew")
    many = make_frame(backbones, names)
    many = many.assign(dataset=many["backbone"].map("data {}".format), backbone="fm")  # six datasets
    found = critical.rankings(many, ASKED)["warm-a"]
    methods, test = found
    means = many[many["phase"] == "warm-a"].groupby(["dataset", "method"])["auc"].mean().unstack()[methods]
    assert test.mean_ranks == pytest.approx(stats.rankdata(-means.to_numpy(), axis=1).mean(0))
    assert critical.critical_differences(critical.rankings(many, ASKED), looks(METHODS)) is not None
    few = critical.rankings(frame[frame["backbone"] == "ipnn"], ASKED)
    assert critical.critical_differences(few, looks(METHODS)) is None
    assert few["cold"][1].note.startswith("1 dataset; Friedman's test needs 5, since backbones")
    assert critical.critical_differences(critical.rankings(make_frame(backbones), ASKED), looks(METHODS)) is None
    partly = many.drop(many.query("method == 'avaew' and dataset == 'data fm'").index)
    assert critical.rankings(partly, ASKED)["cold"][0] == ["base", "cvar"]  # only those that every block has


def test_bars_join_what_lies_within_the_critical_difference():
    def ranking(*ranks):
        return Friedman(9, np.array(ranks), 1.0, 0.01, 1.0, np.zeros((0, 0)))

    assert critical._cliques(ranking(3.0, 1.0, 1.9, 2.6)) == [(1.0, 1.9), (1.9, 2.6), (2.6, 3.0)]
    assert critical._cliques(ranking(1.0, 1.5, 2.0, 4.0)) == [(1.0, 2.0)]
    assert critical._cliques(ranking(1.0, 3.0)) == []


def test_principal_axes_are_those_of_the_old_items():
    random = np.random.default_rng(0)
    old = random.normal(size=(60, 5)) * [3, 1, 2, 0.1, 0.1]
    mean, axes, shares = embeddings.principal_axes(old)
    reference = PCA(2).fit(old)
    assert np.abs((axes * reference.components_).sum(1)) == pytest.approx(1)
    assert shares == pytest.approx(reference.explained_variance_ratio_)
    assert np.abs((old - mean) @ axes.T) == pytest.approx(np.abs(reference.transform(old)))
    assert embeddings.principal_axes(np.zeros((4, 3)))[2] == pytest.approx(0)


def test_the_legend_covers_no_data_and_nothing_leaves_the_figure(frame):
    chosen = looks(METHODS)
    for figure in (
        phases.by_phase(frame, chosen, ASKED),
        steps.against_cost(frame, chosen, ASKED, steps.STEPS),
        published.against_paper(frame, chosen, 0.05),
    ):
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        whole = figure.bbox
        assert all(not box.overlaps(axes.get_tightbbox()) for axes in figure.axes if axes.get_visible())
        assert box.x0 >= 0
        assert box.x1 <= whole.x1
        assert box.y0 >= 0


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_cell, save_cell):
    """A run's folder with two methods and one seed."""
    folder = Folder(tmp_path_factory.mktemp("run"))
    folder.prepare()
    for method in ("base", "mwuf"):
        save_cell(folder, make_cell(method=method))
    return folder


def renamed(folder, **more):
    """Its findings, one method with a name that would like to be markup."""
    found = find(measure(folder.path, ASKED))
    records = [record | more for record in found.records]
    for record in records:
        record["labels"] |= {"method": NASTY} if record["method"] == "mwuf" else {}
    frame = found.frame.replace({"method": {"mwuf": NASTY}})
    section = replace(found.sections[0], frame=frame)
    return replace(found, records=records, frame=frame, sections=[section])


def test_all_pictures_of_a_run_are_whole_escaped_and_the_same_every_time(run, tmp_path):
    found = renamed(run)
    drawn, notes = pictures(run, found)
    assert [picture.title for picture in drawn] == [
        "AUC by phase",
        "AUC against optimiser steps",
        "AUC against processor seconds",
        "difference to base",
        "embeddings on FM",
    ]
    assert any("Friedman's test needs 3" in note for note in notes)
    assert len({picture.name for picture in drawn}) == len(drawn)
    for picture in drawn:
        assert picture.files["png"].startswith(b"\x89PNG")
        assert picture.files["pdf"].startswith(b"%PDF")
        assert b"CreationDate" not in picture.files["pdf"]
        root = ElementTree.fromstring(picture.files["svg"])
        assert "alert(1)" in "".join(root.itertext())  # the label as text, not as a formula or an element
        assert not [element for element in root.iter() if element.tag.endswith("script")]
        assert not re.search(rb"20\d\d-\d\d-\d\d", picture.files["svg"])
    assert pictures(run, found)[0] == drawn
    write_pictures(tmp_path / "figures", drawn)
    assert {path.suffix for path in (tmp_path / "figures").iterdir()} == {".svg", ".pdf", ".png"}


def test_without_the_embeddings_files_the_other_pictures_are_drawn(run):
    drawn, notes = pictures(run, renamed(run, embeddings="embeddings/gone.npz"))
    assert len(drawn) == 4
    assert any("their files are missing" in note for note in notes)


def test_file_names_are_short_and_differ_where_the_labels_do():
    assert slug("MovieLens-1M (rebuilt timestamps), protocol paper") == "movielens-1m-rebuilt-timestamps-protocol-paper"
    labels = ["a[b=1]", "a[b=1 ]", "a [b=1]", "x" * 500, "x" * 501, "../..", "é", "e"]
    slugs = [slug(label) for label in labels]
    assert len(set(slugs)) == len(labels)
    assert all(re.fullmatch(r"[a-z0-9-]{1,69}", slug) for slug in slugs)


def test_single_seeds_are_drawn_where_they_are_few_so_that_a_collapsed_one_shows(frame):
    lost = (frame["method"] == "gar") & (frame["seed"] == 1) & (frame["backbone"] == "ipnn")
    collapsed = frame.assign(auc=frame["auc"].where(~lost, 0.5))
    axes = phases.by_phase(collapsed, looks(METHODS), ASKED).axes[1]
    (seeds,) = [
        line for line in axes.lines if line.get_marker() == "." and line.get_color() == looks(["gar"])["gar"].colour
    ]
    assert len(seeds.get_ydata()) == 3 * len(phase_names())
    assert min(seeds.get_ydata()) == 0.5
    assert "dots: single seeds" in over(frame, 0.05)
    many = make_frame(methods=("base", "gar"), seeds=11)
    assert not [
        line for line in phases.by_phase(many, looks(["base", "gar"]), ASKED).axes[0].lines if line.get_marker() == "."
    ]
    assert "dots" not in over(many, 0.05)
