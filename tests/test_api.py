"""The Python API: the commands' options and errors, results that notebooks show, and nothing that ends the process."""

from __future__ import annotations

from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

import coldbench
from coldbench.report.analysis.frame import tidy

SMALL = {"synthetic": {"users": 150, "items": 120, "interactions": 6000, "n": 60, "k": 5}}
HALVED = """
from coldbench.plugin import Method, MethodConfig

Config, space = MethodConfig, {}


class Halved(Method):
    '''Halves the initial embeddings.'''

    def embed(self, backbone, items):
        return backbone.item_table.weight[items.number].detach() * SCALE
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("api")
    options = {"methods": ["base", "meta_e"], "backbones": "fm", "seeds": (0, 1, 2), "set": SMALL, "jobs": 1}
    return coldbench.run(**options, out=out)


def test_the_frame_waits_for_no_test(results, monkeypatch):
    """A bootstrap of many cells takes a minute; whoever reads the measurements needs none."""
    monkeypatch.delattr("coldbench.report.analysis.findings.over_items")
    assert coldbench.load(results.folder.path).frame.equals(results.frame)


def test_the_frame_holds_every_cell_and_phase(results):
    assert len(results.frame) == 2 * 3 * 4
    records, _ = results.folder.finished()
    assert results.frame.equals(tidy(records)[0])


def test_a_table_gives_the_means_over_seeds_and_shows_itself(results):
    frame = results.table(1).frame
    base = frame[frame["method"] == "base"].iloc[0]
    auc = results.frame[(results.frame["method"] == "base") & (results.frame["phase"] == "warm-c")]["auc"]
    assert base["warm-c"] == pytest.approx(auc.mean())
    assert f"{auc.mean():.4f}" in str(results.table(1))
    assert f"{auc.mean():.4f}" in results._repr_html_()
    assert "\\begin{table*}" in results.table(1).latex


def test_a_comparison_is_the_paired_difference(results):
    row = results.compare("meta_e").set_index("phase").loc["cold"]
    auc = results.frame[results.frame["phase"] == "cold"].pivot(index="seed", columns="method", values="auc")
    assert row["difference"] == pytest.approx((auc["meta_e"] - auc["base"]).mean())
    assert row["low"] < row["difference"] < row["high"]
    assert row["reference"] == "base"


def test_another_question_to_the_same_cells(results):
    asked = results.asking(metric="logloss", reference="base")
    assert "log loss" in str(asked.table(1))
    assert np.isfinite(asked.table(1).frame["cold"]).all()


def test_a_figure_is_drawn_alone_and_saved(results, tmp_path):
    figure = results.figure("difference")
    assert {file.suffix for file in figure.save(tmp_path)} == {".svg", ".pdf", ".png"}
    assert figure._repr_html_().lstrip().startswith("<!DOCTYPE svg") or "<svg" in figure._repr_html_()


def test_the_report_is_the_commands(results):
    assert results.report().read_text().startswith("# coldbench report")


def test_load_opens_the_same_results(results):
    assert coldbench.load(results.folder.path).frame.equals(results.frame)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: coldbench.run(methds="base"), "did you mean 'methods'"),
        (lambda: coldbench.run(methods=3.5), "methods in the call is 3.5; it should be what --methods takes"),
        (lambda: coldbench.run(methods="bas"), "did you mean 'base'"),
        (lambda: coldbench.run(seeds=0), "between 1 and 10000"),
        (lambda: coldbench.load("no/such/folder"), "holds no run"),
    ],
)
def test_wrong_input_is_an_exception(call, message):
    with pytest.raises(coldbench.InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        call()


def test_wrong_questions_to_results_are_exceptions(results):
    for call, message in (
        (lambda: results.table(7), "unknown table"),
        (lambda: results.figure("phase"), "did you mean 'phases'"),
        (lambda: results.compare("bse"), "did you mean 'base'"),
        (lambda: results.asking(metrik="auc"), "did you mean 'metric'"),
    ):
        with pytest.raises(coldbench.InputError, match=message):
            call()


def test_tune_gives_values_that_run_takes(tmp_path):
    small = {"backbones": "fm", "seeds": 1, "set": SMALL, "jobs": 1}
    tuned = coldbench.tune(methods="base", samples=2, fields="item_lr", scheduler="none", out=tmp_path / "t", **small)
    assert len(tuned.trials) == 2
    run = coldbench.run(config=tuned.best, seeds=1, jobs=1, out=tmp_path / "r")
    records, _ = run.folder.finished()
    best = tuned.trials.sort_values("score").iloc[-1]
    assert [record["config"]["method"]["item_lr"] for record in records] == [best["base.item_lr"]]
    with pytest.raises(coldbench.InputError, match="unknown search"):
        coldbench.tune(methods="base", search="astrology", out=tmp_path / "t", **small)


def test_two_plugins_of_one_name_in_one_process(tmp_path):
    """The second call's file must not be answered from the first call's classes."""
    cold = []
    for number, scale in enumerate(("1.0", "-3.0")):
        file = tmp_path / str(number) / "halved.py"
        file.parent.mkdir()
        file.write_text('"""Scaled (a test, 2026)."""\n' + HALVED.replace("SCALE", scale))
        run = coldbench.run(
            methods="halved", backbones="fm", seeds=1, set=SMALL, jobs=1, plugin=[file], out=tmp_path / f"out{number}"
        )
        cold.append(run.frame.set_index("phase")["auc"]["cold"])
    assert cold[0] != cold[1]


def test_a_run_in_which_everything_fails_raises(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text('"""Broken (a test, 2026)."""\n' + HALVED.replace("* SCALE", "/ {}").replace("Halved", "Broken"))
    with pytest.raises(coldbench.RunError, match="broken"):
        coldbench.run(methods="broken", backbones="fm", seeds=1, set=SMALL, jobs=1, plugin=file, out=tmp_path / "out")


def test_the_notebook_of_the_docs_runs(monkeypatch):
    path = Path(__file__).parent.parent / "docs" / "notebook.ipynb"
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3").execute()
    shown = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("warm-c" in output.get("data", {}).get("text/html", "") for output in shown)
