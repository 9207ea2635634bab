"""Runs by shots and under ``release``: records, reports, exports, comparisons and the files that repeat them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib import rc_context
from scipy import stats

from coldbench.cli import main
from coldbench.commands.compare import compare
from coldbench.commands.export import measurements
from coldbench.commands.verify import _cell
from coldbench.plugins.registry import Registry
from coldbench.plugins.spec import Spec
from coldbench.protocol.splits import Release
from coldbench.report.analysis.contents import contents
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.measured import measure
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.figures import shots as figures
from coldbench.report.figures.style import RC, looks
from coldbench.report.writers import files, latex
from coldbench.runs import runfile
from coldbench.runs.folder import Folder
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.tuning.best import write_best
from coldbench.tuning.studies import TuneOptions, studies
from coldbench.tuning.trials import Trial

SHOTS = (0, 1, 6, 15)
NAMES = ["cold", "1 shot", "6 shots", "15 shots"]
RELEASE = Spec("split", "release", Release("0.1"))
SMALL = ("synthetic.users=150", "synthetic.items=120", "synthetic.interactions=6000", "synthetic.n=60", "synthetic.k=5")
LABEL = "Synthetic [users=150,items=120,interactions=6000,n=60,k=5]"
FLAGS = {"methods": "base,cvar", "backbones": "fm", "seeds": "1", "set": SMALL}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory, make_cell, save_cell, dataset) -> Folder:
    """A folder with base and dropoutnet by shots and at the published points, and with base under release."""
    folder = Folder(tmp_path_factory.mktemp("mixed"))
    folder.prepare()
    late = dataset.item % 4 == 0  # a quarter of the items is first seen late
    timed = dataclasses.replace(dataset, time=dataset.time + late * 10**9)
    for seed in range(3):
        for method in ("base", "dropoutnet"):
            cell = make_cell(method=method, seed=seed)
            save_cell(folder, dataclasses.replace(cell, shots=SHOTS), dataset)
            save_cell(folder, cell, dataset)
        save_cell(folder, dataclasses.replace(make_cell(seed=seed), split=RELEASE), timed)
    return folder


@pytest.fixture(scope="module")
def found(mixed):
    return find(measure(mixed.path, ReportOptions(margin=0.5)))


def section(found, of):
    (only,) = [each for each in found.sections if of(each)]
    return only


def test_points_and_splits_are_kept_apart_in_every_table(found):
    points = {each.title.removeprefix(LABEL): each.block for each in found.sections}
    assert {title: list(dict.fromkeys(key[2] for key in block)) for title, block in points.items()} == {
        ", protocol paper": ["cold", "warm-a", "warm-b", "warm-c"],
        " (shots 0, 1, 6, 15), protocol paper": NAMES,
        ", release[at=0.1], protocol paper": ["cold", "warm-a", "warm-b", "warm-c"],
    }
    assert all(entry.seeds == 3 for block in points.values() for entry in block.values())
    built = contents(found)
    headings = [heading for heading, _ in built.comparisons]
    assert "Across datasets and backbones, protocol paper, shots 0, 1, 6, 15" in headings
    for heading, tables in built.comparisons:
        assert all(cell.text == "1" for table in tables for row in table.rows for cell in row[2:3]), heading  # blocks
    report = files.files(found, built)["report.md"]
    assert f"- {LABEL}, release[at=0.1]: " in report


def test_the_table_of_shots_says_what_each_method_adds_to_base(found, mixed):
    shots = section(found, lambda each: each.by_shots)
    (own,) = [each for each in contents(found).sections if each.by_shots]
    assert own.gains is None
    assert own.by_shots.header == ["backbone", "method", *NAMES]
    base, other = own.by_shots.rows
    records = [record for record in mixed.records()[0] if record["shots"]]
    for place, name in enumerate(NAMES):
        values = {
            method: [p["auc"] for r in records if r["method"] == method for p in r["phases"] if p["phase"] == name]
            for method in ("base", "dropoutnet")
        }
        differences = np.subtract(values["dropoutnet"], values["base"])
        half = stats.t.ppf(0.975, 2) * differences.std(ddof=1) / np.sqrt(3)
        assert base[2 + place].text == f"{np.mean(values['base']):.4f}"
        assert other[2 + place].value == pytest.approx(differences.mean())
        assert other[2 + place].beside == f"± {half:.4f}"
        assert other[2 + place].mark == "practically equal"  # within 0.5
        assert other[2 + place].sign == "="
    assert "± half the 95 % interval" in own.by_shots.legend
    assert "practically equal where the 90 % interval lies within 0.5" in own.by_shots.legend
    assert "1 shot & 6 shots & 15 shots" in latex.table(own.by_shots)
    assert shots.place.endswith("(shots 0, 1, 6, 15)")


def test_the_learning_curve_is_drawn_at_the_roots_of_the_shots(found):
    frame = section(found, lambda each: each.by_shots).frame
    with rc_context(RC):
        chosen = looks(frame["method"])
        curves = figures.learning_curves(frame, chosen, ReportOptions())
        differences = figures.learning_differences(frame, chosen, ReportOptions())
        alone = figures.learning_differences(frame[frame["method"] == "base"], chosen, ReportOptions())
    assert alone is None
    expected = frame.groupby(["method", "phase"])["auc"].mean()
    for figure, base in ((curves, 0.0), (differences, expected["base"])):
        (axes,) = figure.axes
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "6", "15"]
        assert axes.get_xticks() == pytest.approx(np.sqrt(SHOTS))
        lines = [line.get_xydata() for line in axes.lines if len(line.get_xydata()) == len(SHOTS)]
        means = (expected["dropoutnet"] - base)[NAMES].to_numpy()
        near = [line[:, 1] for line in lines if np.allclose(line[:, 0], np.sqrt(SHOTS), atol=0.1)]
        assert any(np.allclose(line, means) for line in near)


def test_a_record_gives_the_same_cell_and_an_export_says_how_the_data_was_divided(mixed):
    records = mixed.records()[0]
    for record in records:
        if record["config"]["split"]["name"] == "frequency":
            assert _cell(record, mixed.path, Registry(), {}, None).key == record["key"]
    assert {json.dumps(record["config"]["split"]) for record in records} == {
        '{"name": "frequency"}',
        '{"name": "release", "at": "0.1"}',
    }
    frame = measurements(records)
    assert set(frame["split"]) == {"frequency", "release[at=0.1]"}
    assert set(frame.loc[frame["phase"] == "6 shots", "shots"]) == {6}
    assert set(frame.loc[frame["phase"] == "warm-b", "shots"]) == {10}
    assert "shots" not in set(frame["metric"])
    older = {name: value for name, value in records[0].items() if name != "shots"}
    older["config"] = {name: value for name, value in older["config"].items() if name != "split"}
    assert measurements([older])["split"].unique().tolist() == ["frequency"]


def test_two_runs_are_compared_point_by_point_and_split_by_split(mixed):
    text = compare(mixed.path, mixed.path, ReportOptions())
    assert "In both: 15 cells, 15 with identical predictions" in text
    for label in ("shots 0, 1, 6, 15", "release[at=0.1]"):
        assert f"k=5], {label}" in text


def test_run_toml_and_best_toml_repeat_the_division(tmp_path):
    flags = FLAGS | {"shots": "15,1,6", "split": "release[at=0.010]"}
    plan = make_plan(read_options(flags, None, out=str(tmp_path)))
    assert {cell.shots for cell in plan.cells} == {SHOTS}
    runfile.keep(plan, tmp_path)
    again = make_plan(read_options({}, tmp_path / "run.toml"))
    assert [cell.key for cell in again.cells] == [cell.key for cell in plan.cells]

    _, found = studies(read_options(FLAGS | {"shots": "1,6,15"}, None, out=str(tmp_path)), TuneOptions())
    assert found[0].points == 4
    assert found[0].name.endswith("base / paper / shots 0, 1, 6, 15")
    trials = [Trial(study.name, 0, study.full({}), [0.6], "finished", 1.0) for study in found]
    best = write_best(tmp_path, [(study, [trial]) for study, trial in zip(found, trials, strict=True)], 1)
    tuned = make_plan(read_options({"set": SMALL}, best))
    assert {(cell.shots, cell.split.label) for cell in tuned.cells} == {(SHOTS, "frequency")}


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--shots", "0,1,many"], "--shots 'many' should be numbers"),
        (["--shots", "0"], "--shots '0' should be numbers"),
        (["--shots", "16"], "--shots 16 is more than 3 K = 15"),
        (["--split", "releese"], "did you mean 'release'"),
        (["--split", "release[at=2]"], "release.at is '2'; it should be a date"),
        (["--split", "release[on=0.8]"], "field of release"),
        (["--split", "frequency[n=3]"], "field of frequency"),
        (["--split", "release[at=1990-01-01]"], "give a date in between"),
    ],
)
def test_bad_divisions_are_one_line_and_code_2(flags, says, tmp_path):
    sizes = [part for pair in SMALL for part in ("--set", pair)]
    result = CliRunner().invoke(main, ["run", "--dry-run", *sizes, *flags, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.strip().splitlines()) == 1
