"""Tests of given models from a run's predictions, on cells trained for real."""

from __future__ import annotations

import hashlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from coldbench.core.config import digest
from coldbench.report.analysis import predictions
from coldbench.report.analysis.findings import find
from coldbench.report.analysis.frame import Question, tidy
from coldbench.run.folder import Folder
from coldbench.significance import delong, item_bootstrap

REFERENCE = Question(reference="base")


@pytest.fixture
def copied(saved_run, tmp_path):
    return Folder(shutil.copytree(saved_run.path, tmp_path / "run"))


def found_in(folder, question=REFERENCE):
    records, _ = folder.records()
    return predictions.over_rows_and_items(tidy(records)[0], records, folder, question)


def test_delong_and_the_bootstrap_are_of_the_saved_predictions(saved_run):
    rows, left_out = found_in(saved_run)
    assert not left_out
    assert len(rows) == 4 * (4 + 1)  # phases x (seeds + the mean over them)
    tables = {}
    for record in saved_run.records()[0]:
        table = pd.read_parquet(saved_run.path / record["predictions"])
        tables[record["method"], record["seed"]] = table
    for phase, part in rows.groupby("phase"):
        for row in part[part["test"] == predictions.ROWS].itertuples():
            ours, theirs = tables["dropoutnet", row.seed], tables["base", row.seed]
            expected = delong(ours["click"].to_numpy(), ours[phase].to_numpy(), theirs[phase].to_numpy())
            assert (row.difference, row.p) == pytest.approx((expected.difference, expected.p_value), abs=1e-12)
        (row,) = part[part["test"] == predictions.ITEMS].itertuples()
        ours, theirs = ([tables[method, seed][phase] for seed in range(4)] for method in ("dropoutnet", "base"))
        first = tables["base", 0]
        expected = item_bootstrap(
            first["click"].to_numpy(), first["item"].to_numpy(), np.stack(ours), np.stack(theirs), 200, within=False
        )
        assert row.difference == pytest.approx(expected.difference, abs=1e-9)
        assert (row.low, row.high) == pytest.approx(expected.interval, abs=1e-9)


def test_other_metrics_have_no_such_test(saved_run):
    assert found_in(saved_run, Question(metric="gauc"))[0].empty


def test_too_many_predictions_are_left_out_and_said(saved_run, monkeypatch):
    monkeypatch.setattr(predictions, "MOST", 1000)
    rows, (note,) = found_in(saved_run)
    assert rows.empty
    assert "more than 1,000" in note
    assert note in find(saved_run.path, Question()).notes


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
