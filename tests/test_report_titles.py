"""Titles in a report: what the literature calls a method, where its plugin says so."""

from __future__ import annotations

import re
import shutil

import pytest

from coldbench.plugins.kinds import BACKBONES, METHODS
from coldbench.plugins.registry import Registry
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.analysis.titles import label_of, titles_of
from coldbench.report.write import write_report


def test_a_variant_keeps_its_brackets_and_what_has_no_title_its_key():
    named = {
        "cvar": ("cvar", "CVAR"),
        "cvar[adapt=false]": ("cvar", "CVAR"),
        "base": ("base", "base"),
        "mine[x=1]": ("mine", "mine"),
    }
    assert titles_of(named) == {
        "cvar": "CVAR",
        "cvar[adapt=false]": "CVAR [adapt=false]",
        "base": "base",
        "mine[x=1]": "mine[x=1]",
    }


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Dropout-Net", "dropoutnet"),
        ("cvar", "cvar"),
        ("CVAR [adapt=false]", "cvar[adapt=false]"),
        ("CVAR[adapt=false]", "cvar[adapt=false]"),
        ("gar", "gar"),
    ],
)
def test_a_reference_is_named_by_label_or_title(text, label):
    assert (
        label_of(text, {"dropoutnet": "DropoutNet", "cvar": "CVAR", "cvar[adapt=false]": "CVAR [adapt=false]"}) == label
    )


def test_two_plugins_of_one_title_go_by_their_labels():
    assert titles_of({"cvar": ("cvar", "CVAR"), "mine": ("mine", "CVAR")}) == {"cvar": "cvar", "mine": "mine"}


@pytest.mark.parametrize(
    ("kind", "key", "title"), [(METHODS, "meta_e", "Meta-E"), (BACKBONES, "wide_deep", "Wide & Deep")]
)
def test_plugins_have_the_titles_that_papers_use(kind, key, title):
    assert Registry().get(kind, key).title == title


def test_tables_figures_and_page_show_titles_and_spreadsheets_keys(saved_run, tmp_path):
    run = shutil.copytree(saved_run.path, tmp_path / "run")
    written = write_report(run, ReportOptions(reference="BASE"))
    report = run / "report"
    assert "| FM         | base " in written.summary
    assert "| DropoutNet |" in written.summary
    assert "significantly worse than base (†)" in written.summary
    latex = (report / "table2.tex").read_text()
    assert r"FM & DropoutNet & " in latex
    assert "improve" not in latex
    page = (report / "index.html").read_text()
    assert "<span>DropoutNet</span>" in page
    assert "<span>dropoutnet</span>" not in page
    assert "What a method adds to base" in page
    svgs = "".join(file.read_text() for file in (report / "figures").glob("*.svg"))
    assert ">DropoutNet<" in svgs
    assert ">FM<" in svgs
    assert ">dropoutnet<" not in svgs
    assert "dropoutnet" in (report / "tables.csv").read_text()


def test_latex_has_captions_and_labels_that_a_paper_can_keep(saved_run, tmp_path):
    run = shutil.copytree(saved_run.path, tmp_path / "run")
    write_report(run)
    latex = "".join((run / "report" / f"{name}.tex").read_text() for name in ("table1", "table2", "tests"))
    captions = re.findall(r"\\caption\{(.*?)\}\\label\{(.*?)\}\n", latex)
    assert len(captions) == 3
    assert len({label for _, label in captions}) == 3
    assert all(re.fullmatch(r"tab:[a-z0-9-]+", label) for _, label in captions)
    assert captions[0][0].startswith("AUC by backbone, method and warm-up phase on Synthetic")
