"""Reports of own data: edited, moved, renamed, of one class; on cells trained for real, without Ray."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.commands.export import measurements
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry, class_of
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.measured import measure
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.write import write_report
from coldbench.runs.folder import Folder
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.runs.runfile import keep

SCHEMA = (
    'label = "Books"\nn = 12\nk = 2\n\n[interactions]\nuser = "user"\nitem = "item"\nclick = "click"\ntime = "at"\n'
)


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def books(tmp_path, monkeypatch):
    """A small log of a user's own; 10 of its items are new."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    item = np.r_[random.integers(10, 30, 600), np.repeat(np.arange(10), 10)]
    log = pd.DataFrame({"user": random.integers(0, 40, len(item)), "item": item, "at": np.arange(len(item))})
    log["click"] = random.integers(0, 2, len(item))
    folder = Path("books")
    folder.mkdir()
    log.to_csv(folder / "interactions.csv", index=False)
    (folder / "schema.toml").write_text(SCHEMA)
    return folder


@pytest.fixture
def run(make_cell, save_cell):
    """Computes the cells of base and dropoutnet that a run on a folder has, as ``coldbench run`` does."""

    def compute(path, out, seeds=3, **shots):
        name, meant = Registry().dataset(str(path))
        spec = Registry().spec(DATASETS, name, meant | shots)
        data, folder = class_of(spec)().load(spec.config), Folder(Path(out))
        spec = spec.split_at(data.n, data.k)
        folder.prepare()
        for method in ("base", "dropoutnet"):
            for seed in range(seeds):
                cell = make_cell(method=method, seed=seed)
                cell = dataclasses.replace(cell, dataset=spec, fingerprint=data.fingerprint)
                if folder.record(cell) is None:
                    save_cell(folder, cell, data)
        return folder

    return compute


def edit(folder, change):
    log = pd.read_csv(folder / "interactions.csv")
    change(log)
    log.to_csv(folder / "interactions.csv", index=False)


def flip(log):
    log.loc[0, "click"] = 1 - log.loc[0, "click"]


def test_data_that_were_edited_replace_what_was_computed_before(books, run):
    run(books, "out")
    edit(books, flip)
    run(books, "out", seeds=2)
    found = find(measure(Path("out"), ReportOptions()))
    assert list(found.frame["dataset"].unique()) == ["Books"]
    assert len(found.records) == 4
    (note,) = [note for note in found.notes if "before the data changed" in note]
    assert note.startswith("6 cells of Books (fingerprint ")
    for command in (("report", "out"), ("compare", "out", "out")):
        result = invoke(*command)
        assert result.exit_code == 0, result.output


def test_a_new_label_alone_recomputes_nothing_and_is_what_tables_show(books, run):
    folder = run(books, "out")
    made = {file: file.stat().st_mtime_ns for file in Path("out/cells").iterdir()}
    (books / "schema.toml").write_text("# a remark\n" + SCHEMA.replace("Books", "Bookshop"))
    run(books, "out")
    assert {file: file.stat().st_mtime_ns for file in Path("out/cells").iterdir()} == made
    for label in ("Bookshop", "Library"):
        (books / "schema.toml").write_text(SCHEMA.replace("Books", label))
        keep(make_plan(read_options({"datasets": str(books), "methods": "base,dropoutnet"}, None)), folder.path)
        assert list(find(measure(Path("out"), ReportOptions())).frame["dataset"].unique()) == [label]
        invoke("export", "out", "--to", "csv")
        assert set(pd.read_csv("out/export.csv")["dataset_label"]) == {label}
    assert "data: Library " in invoke("compare", "out", "out").output


def test_the_n_and_k_that_the_data_decide_are_in_records_exports_and_the_report(books, run):
    folder = run(books, "out", seeds=1)
    records, _ = folder.finished()
    assert [{name: record["config"]["dataset"][name] for name in ("n", "k")} for record in records] == [
        {"n": 12, "k": 2}
    ] * 2
    exported = measurements(records)["dataset_config"].map(json.loads)
    assert {(config["n"], config["k"]) for config in exported} == {(12, 2)}
    write_report(folder.path)
    assert "- Books: N 12, K 2, base " in Path("out/report/report.md").read_text()


def test_two_splits_of_ones_own_data_are_told_apart_by_n_and_k_and_one_alone_goes_by_its_label(books, run):
    run(books, "out", seeds=1)
    run(books, "out", seeds=1, n="12")  # what schema.toml says too: the same cells
    assert list(find(measure(Path("out"), ReportOptions())).frame["dataset"].unique()) == ["Books"]
    assert len(list(Path("out/cells").iterdir())) == 2
    run(books, "out", seeds=1, n="20")
    found = find(measure(Path("out"), ReportOptions()))
    assert sorted(found.frame["dataset"].unique()) == ["Books [n=12,k=2]", "Books [n=20,k=2]"]


def test_no_table_shows_where_the_data_lie(books, run, tmp_path):
    write_report(run(books, "out").path)
    for file in Path("out/report").glob("*.*"):
        if file.suffix in (".md", ".tex"):
            assert "path=" not in file.read_text(), file
    assert "### Books, protocol paper" in Path("out/report/table1.md").read_text()
    assert "path=books" not in Path("out/report/index.html").read_text()


def test_one_folder_given_by_two_paths_is_one_dataset(books, run, tmp_path):
    run(books, "out")
    run(tmp_path / "books", "other")
    result = invoke("compare", "out", "other")
    assert "In both: 6 cells, 6 with identical predictions; 6 have the same key" in result.output
    run(tmp_path / "books", "out")
    assert list(find(measure(Path("out"), ReportOptions())).frame["dataset"].unique()) == ["Books"]


def test_two_datasets_of_one_label_are_told_apart(books, run):
    shutil.copytree(books, "more")
    edit(Path("more"), flip)
    run(books, "out", seeds=1)
    run("more", "out", seeds=1)
    found = find(measure(Path("out"), ReportOptions()))
    assert sorted(found.frame["dataset"].unique()) == ["Books", "Books (2)"]
    assert any(note.startswith("2 datasets share the label Books: Books has the fingerprint") for note in found.notes)


@pytest.fixture
def of_one_class(books):
    """The same log where every test row is a click."""
    shutil.copytree(books, "clicked")
    (Path("clicked") / "schema.toml").write_text(SCHEMA.replace("Books", "Clicked"))
    edit(Path("clicked"), lambda log: log.__setitem__("click", np.where(log["item"] < 10, 1, log["click"])))
    return Path("clicked")


def test_a_dataset_of_one_class_is_said_and_the_others_are_reported(books, of_one_class, run):
    run(of_one_class, "out")
    run(books, "out")
    written = write_report(Path("out"))
    assert "### Books, protocol paper" in written.summary
    text = Path("out/report/report.md").read_text()
    assert "### Clicked" not in text
    assert "Clicked, protocol paper, is in no table of results: AUC is not defined on its test rows" in text
    assert "Clicked, protocol paper, is in no table" in Path("out/report/index.html").read_text()
    assert len(pd.read_csv("out/report/tables.csv")) == 8
    assert "### Clicked" in write_report(Path("out"), ReportOptions(metric="logloss")).summary


def test_a_run_of_one_class_alone_is_reported_without_tables(of_one_class, run):
    written = write_report(run(of_one_class, "out", seeds=1).path)
    assert "Clicked, protocol paper, is in no table of results" in written.summary
    assert json.loads(next(Path("out/cells").iterdir()).read_text())["phases"][0]["auc"] is None
