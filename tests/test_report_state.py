"""A report is made again only where something that it is made from has changed."""

from __future__ import annotations

import shutil

import pytest

from coldbench.report import write
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.write import write_report


@pytest.fixture
def reported(saved_run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(saved_run.path, out)
    return out, write_report(out)


@pytest.fixture
def drawn(monkeypatch):
    """How often figures were drawn."""
    calls = []
    pictures = write.pictures

    def counted(*arguments):
        calls.append(arguments)
        return pictures(*arguments)

    monkeypatch.setattr(write, "pictures", counted)
    return calls


def test_the_same_report_is_not_made_again(reported, drawn):
    out, first = reported
    assert write_report(out).summary == first.summary
    assert drawn == []


def test_a_run_that_writes_its_failures_anew_changes_nothing(reported, drawn):
    out, _ = reported
    write.Folder(out).save_failures({})
    write_report(out)
    assert drawn == []


@pytest.mark.parametrize("change", ["record", "predictions", "failure", "page", "figure", "question"])
def test_a_change_makes_it_again(reported, drawn, change):
    out, _ = reported
    options = ReportOptions()
    if change == "record":
        next((out / "cells").glob("*.json")).unlink()
    elif change == "predictions":
        file = next((out / "predictions").glob("*.parquet"))
        file.write_bytes(file.read_bytes()[:-1])
    elif change == "failure":
        write.Folder(out).save_failures({"a cell": "its reason"})
    elif change == "page":
        (out / "report" / "index.html").write_text("edited")
    elif change == "figure":
        next((out / "report" / "figures").glob("*.svg")).unlink()
    else:
        options = ReportOptions(metric="logloss")
    write_report(out, options)
    assert len(drawn) == 1
