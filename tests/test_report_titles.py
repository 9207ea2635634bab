"""Titles in a report: what the literature calls a method, where its plugin says so."""

from __future__ import annotations

import re
import shutil

import pytest

from coldbench.plugins import registry
from coldbench.plugins.registry import BACKBONES, METHODS
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.titles import titles_of
from coldbench.report.write import write_report


@pytest.fixture
def titled(monkeypatch):
    for kind, key, title in (
        (METHODS, "dropoutnet", "DropoutNet"),
        (METHODS, "cvar", "CVAR"),
        (METHODS, "gar", "CVAR"),
        (METHODS, "base", "Base"),
        (BACKBONES, "fm", "Wide & Deep"),
    ):
        monkeypatch.setattr(registry.get(kind, key), "title", title, raising=False)


def test_a_variant_keeps_its_brackets_and_what_has_no_title_its_key(titled):
    named = [("cvar", "cvar"), ("cvar", "cvar[adapt=false]"), ("mwuf", "mwuf"), ("gone", "gone[x=1]")]
    assert titles_of(METHODS, named) == {
        "cvar": "CVAR",
        "cvar[adapt=false]": "CVAR [adapt=false]",
        "mwuf": "mwuf",
        "gone[x=1]": "gone[x=1]",
    }


def test_two_plugins_of_one_title_go_by_their_labels(titled):
    assert titles_of(METHODS, [("cvar", "cvar"), ("gar", "gar")]) == {"cvar": "cvar", "gar": "gar"}


def test_tables_figures_and_page_show_titles_and_spreadsheets_keys(titled, saved_run, tmp_path):
    run = shutil.copytree(saved_run.path, tmp_path / "run")
    written = write_report(run, ReportOptions(reference="base"))
    report = run / "report"
    assert "| Wide & Deep | Base " in written.summary
    assert "| DropoutNet |" in written.summary
    assert "significantly worse than Base (†)" in written.summary
    latex = (report / "table2.tex").read_text()
    assert r"Wide \& Deep & DropoutNet & " in latex
    assert "improve" not in latex
    page = (report / "index.html").read_text()
    assert "<span>DropoutNet</span>" in page
    assert "<span>dropoutnet</span>" not in page
    assert "What a method adds to Base" in page
    svgs = "".join(file.read_text() for file in (report / "figures").glob("*.svg"))
    assert ">DropoutNet<" in svgs
    assert ">Wide &amp; Deep<" in svgs
    assert ">dropoutnet<" not in svgs
    assert "dropoutnet" in (report / "tables.csv").read_text()


def test_latex_has_captions_and_labels_that_a_paper_can_keep(titled, saved_run, tmp_path):
    run = shutil.copytree(saved_run.path, tmp_path / "run")
    write_report(run)
    latex = "".join((run / "report" / f"{name}.tex").read_text() for name in ("table1", "table2", "tests"))
    captions = re.findall(r"\\caption\{(.*?)\}\\label\{(.*?)\}\n", latex)
    assert len(captions) == 3
    assert len({label for _, label in captions}) == 3
    assert all(re.fullmatch(r"tab:[a-z0-9-]+", label) for _, label in captions)
    assert captions[0][0].startswith("AUC by backbone, method and warm-up phase on Synthetic")
