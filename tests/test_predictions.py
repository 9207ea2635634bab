"""Intervals over test items from a run's predictions, on cells trained for real."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from coldbench.core.config import digest
from coldbench.report.analysis import predictions
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.frame import tidy
from coldbench.report.analysis.measured import measure
from coldbench.report.analysis.options import ReportOptions
from coldbench.runs.folder import Folder
from coldbench.significance import bootstrap_aucs, crossed, item_bootstrap

REFERENCE = ReportOptions(reference="base")


@pytest.fixture
def copied(saved_run, tmp_path):
    return Folder(shutil.copytree(saved_run.path, tmp_path / "run"))


def found_in(folder, question=REFERENCE):
    records, _ = folder.records()
    return predictions.over_items(tidy(records)[0], records, folder, question)


def test_the_intervals_over_items_are_of_the_saved_predictions(saved_run):
    rows, left_out = found_in(saved_run)
    assert not left_out
    assert len(rows) == 4 * 2  # phases x (items alone, seeds and items)
    tables = {}
    for record in saved_run.records()[0]:
        table = pd.read_parquet(saved_run.path / record["predictions"])
        tables[record["method"], record["seed"]] = table
    first = tables["base", 0]
    labels, items = first["click"].to_numpy(), first["item"].to_numpy()
    for phase, part in rows.groupby("phase"):
        ours, theirs = (
            np.stack([tables[method, seed][phase] for seed in range(4)]) for method in ("dropoutnet", "base")
        )
        (row,) = part[part["test"] == predictions.ITEMS].itertuples()
        expected = item_bootstrap(labels, items, ours, theirs, 200, within=False)
        assert row.difference == pytest.approx(expected.difference, abs=1e-9)
        assert (row.low, row.high) == pytest.approx(expected.interval, abs=1e-9)
        (row,) = part[part["test"] == predictions.CROSSED].itertuples()
        drawn = bootstrap_aucs(labels, items, np.vstack([ours, theirs]), 200, within=False)
        point = np.array([roc_auc_score(labels, score) for score in (*ours, *theirs)])
        both = crossed(point[:4] - point[4:], drawn[:, :4] - drawn[:, 4:], expected.items)
        assert (row.low, row.high) == pytest.approx(both.interval, abs=1e-9)


def test_no_test_is_shown_that_takes_the_rows_of_an_item_as_independent(saved_run):
    """DeLong's finds a difference twice as often as it says where errors are shared by an item's rows."""
    assert set(found_in(saved_run)[0]["unit"]) == {"item", "seed x item"}


def test_other_metrics_have_no_such_test(saved_run):
    assert found_in(saved_run, ReportOptions(metric="gauc"))[0].empty


def test_too_many_predictions_are_left_out_and_said(saved_run, monkeypatch):
    monkeypatch.setattr(predictions, "MOST", 1000)
    rows, (note,) = found_in(saved_run)
    assert rows.empty
    assert "for fm on" in note
    assert "more than 1,000" in note
    titled = note.replace("for fm on", "for FM on")
    assert titled in find(measure(saved_run.path, ReportOptions())).notes


def put_right(folder, stem):
    """Gives the record of changed predictions their digest, and its own."""
    record = folder.path / "cells" / f"{stem}.json"
    content = json.loads(record.read_text())
    del content["digest"]
    predictions = (folder.path / content["predictions"]).read_bytes()
    content["predictions_digest"] = hashlib.sha256(predictions).hexdigest()
    record.write_text(json.dumps(content | {"digest": digest(content)}))


def other_rows(table):
    table["row"] += 1


def not_a_number(table):
    table.loc[0, "cold"] = np.nan


def without_a_phase(table):
    del table["warm-b"]


@pytest.mark.parametrize(
    ("change", "says"),
    [(other_rows, "other test rows"), (not_a_number, "holds NaN"), (without_a_phase, "missing or cut off")],
)
def test_predictions_that_do_not_fit_are_left_out_and_said(copied, change, says):
    path = copied.path / copied.records()[0][-1]["predictions"]
    table = pd.read_parquet(path)
    change(table)
    table.to_parquet(path, index=False)
    put_right(copied, path.stem)
    rows, (note,) = found_in(copied)
    assert rows.empty
    assert says in note


def test_predictions_that_were_edited_are_not_believed(copied):
    path = copied.path / copied.records()[0][-1]["predictions"]
    table = pd.read_parquet(path)
    table["cold"] += np.float32(1)
    table.to_parquet(path, index=False)
    rows, (note,) = found_in(copied)
    assert rows.empty
    assert f"{path.name} was changed after it was written" in note


def test_predictions_cut_off_are_left_out_and_said(copied):
    path = copied.path / copied.records()[0][0]["predictions"]
    path.write_bytes(path.read_bytes()[:100])
    assert "missing or cut off" in found_in(copied)[1][0]
