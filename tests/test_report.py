"""Tables from records whose numbers are known."""

from __future__ import annotations

import csv
import shutil
import subprocess

import numpy as np
import pytest
from scipy import stats

from coldbench.report import paper, tables
from coldbench.report.frame import tidy
from coldbench.significance import paired_t

AUCS = {
    ("base", "warm-a"): [0.74, 0.75, 0.745],
    ("avaew", "warm-a"): [0.79, 0.80, 0.796],
    ("cvar", "warm-a"): [0.795, 0.79, 0.79],
}


def record(method, seed, backbone="deepfm", dataset="ml-1m", key=None, generation=1):
    phases = [{"phase": p, "auc": aucs[seed]} for (m, p), aucs in AUCS.items() if m == method]
    return {
        "dataset": dataset,
        "dataset_label": "MovieLens-1M",
        "labels": {"dataset": dataset, "backbone": backbone, "method": method},
        "fingerprint": "f",
        "config": {"settings": {"batch_size": 2048}},
        "protocol": "paper",
        "seed": seed,
        "key": key or f"{method}{seed}{backbone}",
        "generation": generation,
        "phases": phases,
    }


@pytest.fixture
def records():
    return [record(method, seed) for method in ("cvar", "avaew", "base") for seed in range(3)]


@pytest.fixture
def block(records):
    return tables.entries(tidy(records)[0], table=1)


def test_means_deviations_tests_and_the_papers_numbers(block):
    entry = block["deepfm", "base", "warm-a"]
    assert entry.mean == pytest.approx(np.mean(AUCS["base", "warm-a"]))
    assert entry.deviation == pytest.approx(np.std(AUCS["base", "warm-a"], ddof=1))
    assert entry.p == pytest.approx(stats.ttest_rel(AUCS["avaew", "warm-a"], AUCS["base", "warm-a"]).pvalue)
    assert entry.worse
    assert entry.published == 0.7452
    assert entry.markdown().endswith("*")
    best = block["deepfm", "avaew", "warm-a"]
    assert best.best
    assert best.p is None
    assert best.markdown().startswith("**0.7953")
    assert not block["deepfm", "cvar", "warm-a"].worse
    assert "0.7909 (-0.0" not in tables.against_paper(block)
    assert "0.7909 (+0.0044)" in tables.against_paper(block)
    assert tables.closeness(block) == "3 of 3 cells within 0.01 of the paper."
    assert tables.closeness(block, 0.005).endswith("not: deepfm/cvar/warm-a.")


def test_table_one_lists_methods_in_the_papers_order(block):
    lines = tables.table_one(block, "markdown").splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:]] == ["base", "cvar", "avaew"]


def test_table_two_says_what_the_papers_method_adds(block):
    text = tables.table_two(block, "markdown")
    gain = 100 * (np.mean(AUCS["avaew", "warm-a"]) / np.mean(AUCS["base", "warm-a"]) - 1)
    assert f"{gain:+.2f}%" in text
    assert "cvar" not in text
    assert tables.table_two({k: v for k, v in block.items() if k[1] != "base"}, "markdown") == ""


def test_a_cell_of_an_older_code_does_not_count_twice(records):
    newer = record("base", 0, key="newer", generation=2)
    newer["phases"][0]["auc"] = 0.5
    frame, notes = tidy([newer, *records])
    assert len(frame) == 9
    assert frame.query("method == 'base' and seed == 0")["auc"].item() == 0.5
    assert "1 cells were computed again" in notes[0]


def test_one_seed_has_no_test():
    block = tables.entries(tidy([record("base", 0), record("avaew", 0)])[0], table=1)
    assert all(entry.p is None for entry in block.values())
    assert "no test" in tables.legend(block)
    assert paired_t(np.array([0.5]), np.array([0.6])) is None
    assert paired_t(np.array([0.5, 0.6]), np.array([0.6, 0.7])) is None  # the same difference twice
    with pytest.raises(ValueError, match="one shape"):
        paired_t(np.zeros(2), np.zeros(3))


def test_the_papers_tables_are_all_there():
    frame = paper.published()
    assert len(frame.query("table == 1 and dataset == 'ml-1m'")) == 42
    assert len(frame.query("table == 2 and dataset == 'ml-1m'")) == 36
    assert paper.auc(2, "paper", "ml-1m", "wide_deep", "base", "warm-a") == 0.7352
    assert paper.auc(1, "paper", "ml-1m", "deepfm", "cvar[adapt=false]", "warm-a") is None
    assert paper.auc(1, "strict", "ml-1m", "deepfm", "cvar", "warm-a") is None


def test_csv_has_a_row_per_entry(block, tmp_path):
    path = tmp_path / "tables.csv"
    tables.tidy_csv(block, dataset="d").to_csv(path, index=False)
    rows = list(csv.DictReader(path.open()))
    assert len(rows) == 3
    assert {row["method"] for row in rows} == {"base", "cvar", "avaew"}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_as_it_stands(records, tmp_path):
    records += [record(m, s, backbone="wide_deep") for m in ("avaew", "base") for s in range(3)]
    for extra in records[:3]:
        extra["labels"]["method"] = "cvar[a_b=50%,~^\\{}$&#]"
    block = tables.entries(tidy(records)[0], table=1)
    body = tables.table_one(block, "latex") + "\n\n" + tables.table_two(block, "latex")
    page = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + body + "\\end{document}\n"
    (tmp_path / "t.tex").write_text(page)
    done = subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
