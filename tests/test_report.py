"""Tables from records whose numbers are known."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import re
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from coldbench.cli import main
from coldbench.core.errors import InputError
from coldbench.protocol.metrics import METRICS, all_metrics
from coldbench.report.analysis import across, appendix, facts, legends, paper, results
from coldbench.report.analysis.chosen import short_names
from coldbench.report.analysis.comparisons import collapsed, over_seeds
from coldbench.report.analysis.contents import contents
from coldbench.report.analysis.entries import closeness, entries, spread
from coldbench.report.analysis.findings import Findings, _sections
from coldbench.report.analysis.frame import tidy
from coldbench.report.analysis.options import ReportOptions
from coldbench.report.writers import files, latex, markdown
from coldbench.runs.schema import RECORD
from coldbench.significance import holm
from coldbench.tuning.studies import METRICS as SEARCHED

AUCS = {
    ("base", "warm-a"): [0.74, 0.75, 0.745],
    ("avaew", "warm-a"): [0.79, 0.80, 0.796],
    ("cvar", "warm-a"): [0.795, 0.79, 0.79],
}
AUC = ReportOptions()


def record(method, seed, backbone="deepfm", dataset="ml-1m", key=None, generation=1, aucs=AUCS):
    phases = [
        {"phase": p, "auc": values[seed], "logloss": 1 - values[seed], "steps": 1}
        for (m, p), values in aucs.items()
        if m == method
    ]
    return {
        "dataset": dataset,
        "dataset_label": "MovieLens-1M",
        "labels": {"dataset": dataset, "backbone": backbone, "method": method},
        "fingerprint": "f",
        "config": {"settings": {"batch_size": 2048}, "protocol": {"name": "paper"}, "dataset": {}},
        "plugins": {
            part: {"title": part, "defaults": {}, "locations": []} for part in ("dataset", "backbone", "method")
        },
        "protocol": "paper",
        "seed": seed,
        "key": key or f"{method}{seed}{backbone}",
        "generation": generation,
        "finished": f"2026-01-0{generation}T00:00:00+00:00",
        "phases": phases,
        "split": {"base": 3},
        "provenance": {"versions": {"coldbench": "0"}, "commit": None, "machine": {"processor": "p"}},
    }


def findings(records, options=AUC):
    frame, notes = tidy(records)
    tests = over_seeds(frame, options)
    return Findings(options, records, frame, tests, _sections(frame, tests, options), notes)


def written(found):
    return files.files(found, contents(found))


def show(entry):
    return markdown.show(results.mean_cell(entry))


def block_of(records, options=AUC, table=1):
    frame, _ = tidy(records)
    return entries(frame, over_seeds(frame, options), table, options)


@pytest.fixture
def records():
    return [record(method, seed) for method in ("cvar", "avaew", "base") for seed in range(3)]


def test_means_intervals_marks_and_the_papers_numbers(records):
    block = block_of(records)
    entry, values = block["deepfm", "base", "warm-a"], AUCS["base", "warm-a"]
    assert entry.mean == pytest.approx(np.mean(values))
    assert entry.deviation == pytest.approx(np.std(values, ddof=1))
    assert entry.half == pytest.approx(stats.t.ppf(0.975, 2) * stats.sem(values))
    pairs = [("base", "avaew"), ("cvar", "avaew"), ("base", "cvar")]
    p_values = [stats.ttest_rel(AUCS[a, "warm-a"], AUCS[b, "warm-a"]).pvalue for a, b in pairs]
    assert entry.p == pytest.approx(holm(np.array(p_values))[0])  # the best was picked by looking: all pairs count
    assert (entry.verdict, entry.best, entry.reference) == ("worse", False, False)
    assert entry.published == 0.7452
    assert show(entry) == "0.7450 ± 0.0124 *"
    best = block["deepfm", "avaew", "warm-a"]
    assert (best.verdict, best.best, best.reference) == ("", True, True)
    assert show(best).startswith("**0.7953 ± ")
    assert show(block["deepfm", "cvar", "warm-a"]).endswith(" ≈")
    table = results.against_paper(block, block, "ml-1m")
    assert "+0.0044 (0.7953 - 0.7909)" in markdown.rows(table)
    gaps = [abs(entry.mean - entry.published) for entry in block.values()]
    assert closeness(block) == f"Mean absolute gap to the paper {np.mean(gaps):.4f}; 3 of 3 cells within 0.01."
    assert table.lines == [closeness(block)]
    assert closeness(block, within=0.005).endswith("not: deepfm / cvar / warm-a.")
    assert closeness(block, {"method": {"cvar": "CVAR"}}, 0.005).endswith("not: deepfm / CVAR / warm-a.")
    unpublished = {key: dataclasses.replace(entry, published=None) for key, entry in block.items()}
    assert results.against_paper(block, unpublished, "ml-1m").lines == [closeness(block)]  # Table 1 has none: all count


def test_a_given_reference_is_tested_against_and_makes_a_smaller_family(records):
    options = ReportOptions(reference="base")
    block = block_of(records, options)
    p_values = [stats.ttest_rel(AUCS[m, "warm-a"], AUCS["base", "warm-a"]).pvalue for m in ("avaew", "cvar")]
    expected = holm(np.array(p_values))
    for method, p_value in zip(("avaew", "cvar"), expected, strict=True):
        assert block["deepfm", method, "warm-a"].p == pytest.approx(p_value)
        assert block["deepfm", method, "warm-a"].verdict == "better"
    assert show(block["deepfm", "base", "warm-a"]).endswith("†")
    assert show(block["deepfm", "avaew", "warm-a"]).startswith("**")
    notes = legends.by_phase(block, options)
    assert "significantly worse than base (†)" in notes
    assert "+: significantly better" in notes


def test_alpha_moves_marks_and_intervals(records):
    p_value = block_of(records)["deepfm", "base", "warm-a"].p
    for alpha, verdict in ((2 * p_value, "worse"), (p_value / 2, "not distinguishable")):
        entry = block_of(records, ReportOptions(alpha=alpha))["deepfm", "base", "warm-a"]
        assert entry.verdict == verdict
        assert entry.half == pytest.approx(stats.t.ppf(1 - alpha / 2, 2) * stats.sem(AUCS["base", "warm-a"]))


def test_a_metric_that_is_better_lower(records):
    options = ReportOptions(metric="logloss")
    block = block_of(records, options)
    assert block["deepfm", "avaew", "warm-a"].best
    assert block["deepfm", "base", "warm-a"].verdict == "worse"
    assert block["deepfm", "base", "warm-a"].published is None
    assert "lower is better" in legends.by_phase(block, options)
    gains = markdown.rows(results.gains(block, options, "ml-1m"))
    assert "+19.74 % (0.2550 to 0.2047)" in gains  # (0.255 - 0.2047) / 0.255


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (ReportOptions(metric="acu"), "did you mean 'auc'"),
        (ReportOptions(reference="cva"), "did you mean 'cvar'"),
        (ReportOptions(alpha=0.0), "between 0 and 1"),
        (ReportOptions(metric="gauc"), "no record of this run holds gauc"),
        (ReportOptions(alpha=float("nan")), "between 0 and 1"),
    ],
)
def test_a_wrong_question(records, options, says):
    with pytest.raises(InputError, match=says):
        options.check(tidy(records)[0])


def test_the_legend_names_test_unit_correction_and_seeds(records):
    notes = legends.by_phase(block_of(records), AUC)
    for part in ("3 seeds", "paired t-test", "unit: the seed", "Holm over all pairs", "95 %"):
        assert part in notes


def test_table_one_lists_methods_in_the_papers_order(records):
    lines = markdown.rows(results.by_phase(block_of(records), AUC, "ml-1m")).splitlines()
    assert [line.split("|")[2].strip() for line in lines[2:]] == ["base", "cvar", "avaew"]


def test_table_two_tests_every_method_against_base(records):
    (section,) = contents(findings(records)).sections
    assert [row[1].text for row in section.gains.rows] == ["cvar", "avaew"]
    p_values = [stats.ttest_rel(AUCS[m, "warm-a"], AUCS["base", "warm-a"]).pvalue for m in ("cvar", "avaew")]
    block = findings(records).sections[0].gains
    for method, p_value in zip(("cvar", "avaew"), holm(np.array(p_values)), strict=True):
        assert block["deepfm", method, "warm-a"].p == pytest.approx(p_value)
    for row in section.gains.rows:
        ours, theirs = np.mean(AUCS[row[1].text, "warm-a"]), np.mean(AUCS["base", "warm-a"])
        assert row[2].text == f"{100 * (ours / theirs - 1):+.2f} %"
        assert row[2].sign == "+"
    for table in (section.gains, section.by_phase):
        assert [row[1].text for row in table.rows if row[2].best] == ["avaew"]
    assert "+: significantly better than base." in section.gains.legend
    without = [record for record in records if record["labels"]["method"] != "base"]
    assert contents(findings(without)).sections[0].gains is None
    assert "table2.tex" not in written(findings(without))


def test_a_cell_of_an_older_code_does_not_count_twice(records):
    newer = record("base", 0, key="newer", generation=2)
    newer["phases"][0]["auc"] = 0.5
    frame, notes = tidy([newer, *records])
    assert len(frame) == 9
    assert frame.query("method == 'base' and seed == 0")["auc"].item() == 0.5
    assert "Of 1 cell there are results of an older version of the code" in notes[0]


@pytest.mark.parametrize("seeds", [1, 2])
def test_too_few_seeds_have_no_test_no_bold_and_no_mark(seeds):
    few = [record(method, seed) for method in ("base", "avaew") for seed in range(seeds)]
    block = block_of(few)
    assert not any(entry.best or entry.verdict for entry in block.values())
    assert "**" not in markdown.rows(results.by_phase(block, AUC, "ml-1m"))
    notes = legends.by_phase(block, AUC)
    assert "no test and so no mark; the paired t-test needs 3 seeds, an exact Wilcoxon test 6" in notes
    found = findings(few)
    assert found.tests["p"].isna().all()
    assert f"{seeds} seeds; the paired t-test needs 3." in " ".join(appendix.legend(found.tests, AUC))


def test_a_variant_of_one_seed_is_neither_best_nor_marked(records):
    ahead = {("cvar[x=1]", "warm-a"): [0.99]}
    block = block_of([*records, record("cvar[x=1]", 0, aucs=ahead)])
    lucky = block["deepfm", "cvar[x=1]", "warm-a"]
    assert (lucky.best, lucky.reference, lucky.verdict) == (False, False, "")
    assert block["deepfm", "avaew", "warm-a"].best
    assert block["deepfm", "base", "warm-a"].verdict == "worse"
    assert "Without a mark: fewer than 3 seeds" in legends.by_phase(block, AUC)


def test_identical_results_are_practically_equal():
    same = {("base", "warm-a"): [0.7, 0.8, 0.9], ("cvar", "warm-a"): [0.7, 0.8, 0.9]}
    block = block_of([record(method, seed, aucs=same) for method in ("base", "cvar") for seed in range(3)])
    assert {entry.verdict for entry in block.values()} == {"", "practically equal"}
    assert all(entry.best for entry in block.values())


def test_a_metric_that_is_missing_leaves_its_cell_empty(records):
    for phase in (phase for record in records[:3] for phase in record["phases"]):
        phase["auc"] = None
    found = findings(records)
    assert "nan" not in written(found)["report.md"]


def test_the_papers_tables_are_all_there():
    frame = paper.published()
    assert len(frame.query("table == 1 and dataset == 'ml-1m'")) == 42
    assert len(frame.query("table == 2 and dataset == 'ml-1m'")) == 36
    assert paper.auc(2, "paper", "ml-1m", "wide_deep", "base", "warm-a") == 0.7352
    assert paper.auc(1, "paper", "ml-1m", "deepfm", "cvar[adapt=false]", "warm-a") is None
    assert paper.auc(1, "strict", "ml-1m", "deepfm", "cvar", "warm-a") is None
    assert paper.auc("csdm table 2", "paper", "ml-1m", "dcn", "csdm", "cold") == 0.7362
    assert paper.auc("csdm table 2", "paper", "ml-1m", "dcn", "csdm[dropout=0]", "warm-c") == 0.8057
    for backbone in ("ipnn", "opnn"):
        assert paper.auc("csdm figure 2", "paper", "ml-1m", backbone, "cvar", "warm-a") == 0.7269
    assert set(frame["table"]) == set(paper.TABLES)
    assert len(paper.methods()) == 7


def test_every_paper_stands_beside_ours_and_contradictions_are_named():
    aucs = {("cvar", "cold"): [0.72, 0.73, 0.74], ("cvar", "warm-a"): [0.78, 0.785, 0.79]}
    records = [record("cvar", seed, backbone="ipnn", aucs=aucs) for seed in range(3)]
    for each in records:
        each["provenance"]["machine"] |= {"device": "cpu", "threads": 1}
        each["provenance"]["commit"] = "c"
    found = findings(records)
    contradiction = (
        "Papers contradict each other on ipnn / cvar / warm-a: 0.7825 in AVAEW 2023, Table 1; "
        "0.7269 in CSDM 2025, supplement, figure 2. Here it is 0.7850."
    )
    (section,) = contents(found).sections
    assert [row[2].text for row in section.papers.rows] == ["AVAEW 2023, Table 1", "CSDM 2025, supplement, figure 2"]
    cold, warm = section.papers.rows[1][3:]
    assert (cold.text, cold.beside, cold.mark) == ("0.7141", "+0.0159", "far")
    assert (warm.text, warm.beside) == ("0.7269", "+0.0581")
    assert section.papers.lines == [contradiction]
    assert contradiction in facts.warnings(found)
    assert contradiction in written(found)["report.md"]


def test_csv_has_a_row_per_entry(records):
    rows = list(csv.DictReader(io.StringIO(spread(block_of(records), AUC, dataset="d").to_csv(index=False))))
    assert len(rows) == 3
    assert {row["method"] for row in rows} == {"base", "cvar", "avaew"}
    assert {row["verdict"] for row in rows} == {"", "worse", "not distinguishable"}


def test_the_appendix_has_every_test(records):
    found = written(findings(records))
    tests = pd.read_csv(io.StringIO(found["tests.csv"]))
    assert set(tests["test"]) == {"paired t", "Wilcoxon"}
    assert len(tests) == 4
    wilcoxon = tests[tests["test"] == "Wilcoxon"]
    assert wilcoxon["p"].isna().all()
    assert set(wilcoxon["note"]) == {"3 seeds; the exact Wilcoxon test needs 6"}
    assert "No p of the Wilcoxon test: 3 seeds; the exact Wilcoxon test needs 6." in found["tests.md"]
    assert "| base     | avaew     | 3       | -0.0503" in found["tests.md"]


def grid(datasets, backbones=("deepfm", "fm", "dcn")):
    """Records whose values are ranked avaew, cvar, base everywhere, and scatter by seed."""
    return [
        record(method, seed, backbone=backbone, dataset=dataset) | {"dataset_label": dataset, "fingerprint": dataset}
        for dataset in datasets
        for backbone in backbones
        for method in ("cvar", "avaew", "base")
        for seed in range(3)
    ]


def test_effect_sizes_have_the_t_interval_of_the_seeds_block_means(records):
    frame, _ = tidy(grid(["ml-1m"], ("deepfm", "fm")))
    sizes = across.effects(frame, AUC).set_index("method")
    assert sizes.loc["avaew", "difference"] == pytest.approx(0.0503333)
    assert sizes.loc["avaew", "improvement"] == 1.0
    assert sizes.loc["avaew", "blocks"] == 2
    expected = stats.ttest_rel(AUCS["avaew", "warm-a"], AUCS["base", "warm-a"]).confidence_interval(0.95)
    assert tuple(sizes.loc["avaew", ["low", "high"]]) == pytest.approx(tuple(expected))
    assert across.effects(tidy([record("cvar", 0)])[0], AUC).empty
    assert across.told(tidy([record("cvar", 0)])[0], AUC) == []
    assert across.probability(3e-5) == "p < 0.0001"


def test_backbones_on_the_same_test_rows_are_no_replications_for_friedman():
    frame, _ = tidy(grid(["ml-1m", "ml-25m"]))  # six blocks of dataset x backbone, two datasets
    methods, test = across.ranked(frame, "warm-a", AUC)
    assert (test.blocks, test.p_value) == (2, None)
    assert np.isnan(test.critical_difference)
    assert dict(zip(methods, test.mean_ranks, strict=True)) == {"avaew": 1.0, "cvar": 2.0, "base": 3.0}
    (line,) = across.told(frame, AUC)[0].lines
    assert line == (
        "warm-a, mean ranks over datasets: avaew 1.00, cvar 2.00, base 3.00; no p and no critical difference: 2 "
        "datasets; Friedman's test needs 5, since backbones on the same test rows are no replications."
    )


def test_friedman_is_over_datasets():
    frame, _ = tidy(grid(["a", "b", "c", "d", "e"]))
    _, test = across.ranked(frame, "warm-a", AUC)
    assert test.blocks == 5
    assert test.p_value == pytest.approx(6**-4)
    (told,) = across.told(frame, AUC, {"method": {"avaew": "AVAEW"}})
    ranks = "p = 0.0008; mean ranks AVAEW 1.00, cvar 2.00, base 3.00"
    assert f"- warm-a, Friedman's test of equal ranks over 5 datasets: {ranks}" in markdown.section(told)


def test_bh_is_over_all_pairs_where_the_best_is_picked_by_looking():
    random = np.random.default_rng(5)
    aucs = {(name, "warm-a"): list(random.normal(0.8, 0.01, 5)) for name in ("base", "cvar", "avaew", "gar")}
    frame, _ = tidy([record(method, seed, aucs=aucs) for method, _ in aucs for seed in range(5)])
    tests = over_seeds(frame, AUC).query("test == 'paired t'")
    pairs = {
        frozenset(pair): stats.ttest_rel(aucs[pair[0], "warm-a"], aucs[pair[1], "warm-a"]).pvalue
        for pair in itertools.combinations([name for name, _ in aucs], 2)
    }
    corrected = dict(zip(pairs, stats.false_discovery_control(list(pairs.values())), strict=True))
    assert len(tests) == 3
    for row in tests.itertuples():
        assert row.p_bh == pytest.approx(corrected[frozenset((row.reference, row.method))])
    named = over_seeds(frame, ReportOptions(reference="base")).query("test == 'paired t'")
    alone = [pairs[frozenset(("base", method))] for method in named["method"]]
    assert named["p_bh"].tolist() == pytest.approx(list(stats.false_discovery_control(alone)))


NEAR = {
    ("base", "warm-a"): [0.74, 0.75, 0.745],
    ("cvar", "warm-a"): [0.7902, 0.7999, 0.7961],
    ("avaew", "warm-a"): [0.79, 0.80, 0.796],
}


def test_practically_equal_is_a_mark_of_tables_one_and_two_in_every_format():
    near = [record(method, seed, aucs=NEAR) for method, _ in NEAR for seed in range(3)]
    (section,) = contents(found := findings(near)).sections
    (equal,) = [row[2] for row in section.by_phase.rows if row[1].text == "avaew"]
    assert (equal.mark, equal.sign) == ("practically equal", "=")
    assert equal.note.endswith(", practically equal")
    assert markdown.show(equal).endswith(" =")
    assert latex.show(equal).endswith(r"\rlap{$^{=}$}")
    assert "of level 1 - 0.1 / (methods - 1) since the best was picked by looking, lies within 0.002" in (
        section.by_phase.legend
    )
    assert "=: practically equal to it, whatever the t-test finds" in written(found)["table1.tex"]


def test_table_two_calls_a_gain_within_the_margin_practically_equal_even_where_it_is_beyond_chance():
    aucs = {("base", "warm-a"): [0.74, 0.75, 0.745], ("cvar", "warm-a"): [0.7401, 0.75011, 0.7451]}
    both = [record(method, seed, aucs=aucs) for method, _ in aucs for seed in range(3)]
    (section,) = contents(findings(both)).sections
    assert findings(both).sections[0].gains["deepfm", "cvar", "warm-a"].p < 0.05
    assert [row[2].sign for row in section.gains.rows] == ["="]
    assert "=: practically equal to it, whatever the t-test finds: the 90 % interval" in section.gains.legend
    finer = findings(both, ReportOptions(margin=0.00005))
    assert [row[2].sign for row in contents(finer).sections[0].gains.rows] == ["+"]
    assert "lies within 5e-05" in contents(finer).sections[0].gains.legend


def test_the_appendix_has_a_verdict_and_names_its_margin():
    aucs = NEAR
    all_records = [record(method, seed, aucs=aucs) for method, _ in aucs for seed in range(3)]
    tests = over_seeds(tidy(all_records)[0], AUC).query("test == 'paired t'").set_index("method")["verdict"]
    assert tests.to_dict() == {"base": "worse", "avaew": "practically equal"}
    tight = findings(all_records, ReportOptions(margin=0.00001))
    assert "not distinguishable" in set(tight.tests["verdict"])
    made = written(tight)
    picked = "of level 1 - 0.1 / (methods - 1) since the best was picked by looking, lies within 1e-05"
    assert picked in made["tests.md"]
    assert "| not distinguishable |" in made["tests.md"]
    assert "verdict" in made["tests.csv"].splitlines()[0]
    named = appendix.legend(tight.tests, ReportOptions(reference="base"))
    assert "the 90 % interval of the difference over seeds lies within 0.002" in " ".join(named)
    with pytest.raises(InputError, match="--margin 0 should be a positive number"):
        ReportOptions(margin=0.0).check(tidy(all_records)[0])


def test_a_collapsed_seed_is_named():
    random = np.random.default_rng(0)
    aucs = {
        (name, phase): list(random.normal(0.8, 0.001, 5)) for name in ("base", "gar") for phase in ("cold", "warm-a")
    }
    frame, _ = tidy([record(method, seed, aucs=aucs) for method in ("base", "gar") for seed in range(5)])
    assert collapsed(frame, AUC) == []
    aucs["gar", "warm-a"][3] = 0.73
    frame, _ = tidy([record(method, seed, aucs=aucs) for method in ("base", "gar") for seed in range(5)])
    (line,) = collapsed(frame, AUC)
    assert line.startswith("gar with deepfm on MovieLens-1M, protocol paper: seed 3 collapsed (AUC: warm-a 0.7300, the")
    (line,) = collapsed(frame, AUC, {"method": {"gar": "GAR"}, "backbone": {"deepfm": "DeepFM"}})
    assert line.startswith("GAR with DeepFM on MovieLens-1M")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_as_it_stands_and_fits_two_columns(records, tmp_path):
    odd = 'cvar[a_b=50%,~^\\{}$&#<|>"é漢,side_item_id=false,repeats=10,ctr=0.5,alpha=0.125,learning_rate=0.001]'
    for extra in records[:3]:
        extra["labels"]["method"] = odd
    for backbone in ("wide_deep", "dcn", "fm", "opnn", "ipnn[hidden=16x16]"):
        records += [record(method, seed, backbone=backbone) for method in ("avaew", "base") for seed in range(3)]
    names = [f"cvar[alpha={number}]" for number in range(60)]
    many = {(name, "warm-a"): [0.7, 0.71, 0.72 + 0.001 * number] for number, name in enumerate(names)}
    records += [record(name, seed, aucs=many) for name in names for seed in range(3)]
    for name, content in written(findings(records)).items():
        (tmp_path / name).write_text(content)
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "tables.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    log = (tmp_path / "tables.log").read_text(errors="replace")
    assert not re.findall(r"Overfull .*|.* too large .*|.*multiply-defined.*", log)


def test_no_name_ends_a_cell_of_a_markdown_table():
    odd = ["a|b", "a\\|b", "a\\\\|b", "|"]
    for line in markdown.grid([odd], odd).splitlines()[::2]:
        cells = re.findall(r"(?:\\.|[^\\|])+", line)  # GitHub's rule: a backslash escapes what follows it
        assert [re.sub(r"\\(.)", r"\1", cell).strip() for cell in cells] == odd


def test_latex_escapes_what_tex_would_read():
    assert (
        latex.escape("a_b 5% {x} \\ ~ é 漢 \n") == r"a\_b 5\% \{x\} \textbackslash{} \textasciitilde{} é U+6F22 U+000A"
    )
    assert latex.escape("-0.7 to 1e-07, warm-a") == "$-$0.7 to 1e-07, warm-a"
    assert latex.escape("0.7 ± 0.1 ≈ †") == r"0.7 $\pm$ 0.1 $\approx$ $\dagger$"


def test_methods_that_a_search_tuned_go_by_one_name():
    values = {"deepfm": "cvar[alpha=3]", "ipnn": "cvar[alpha=5]"}
    tuned = [
        record(label, 0, backbone) | {"method": name, "tuned": "by search"}
        for backbone, cvar in values.items()
        for label, name in ((cvar, "cvar"), ("base", "base"))
    ]
    named = short_names(tuned)
    assert [r["labels"]["method"] for r in named] == ["cvar[tuned]", "base", "cvar[tuned]", "base"]
    assert tuned[0]["labels"]["method"] == "cvar[alpha=3]"  # the records themselves are left alone


def test_two_tuned_variants_of_a_method_on_a_backbone_keep_their_full_names():
    both = [record(f"cvar[alpha={alpha}]", 0) | {"method": "cvar", "tuned": "by search"} for alpha in (3, 5)]
    plain = record("cvar[alpha=7]", 0) | {"method": "cvar", "tuned": None}
    named = short_names([*both, plain])
    assert [r["labels"]["method"] for r in named] == ["cvar[alpha=3]", "cvar[alpha=5]", "cvar[alpha=7]"]


def test_one_table_of_metrics_serves_records_searches_and_the_command_line():
    names = set(all_metrics(np.array([0, 1]), np.array([0.1, 0.2]), np.zeros(2, int), np.zeros(2, int)))
    assert {name for name, metric in METRICS.items() if not metric.asked} == names
    required = RECORD["properties"]["phases"]["items"]["required"]
    assert {name for name, metric in METRICS.items() if metric.required} == names & set(required)
    assert all(METRICS[name].sign == sign for name, sign in SEARCHED.values())
    for command in ("report", "compare"):
        (option,) = [option for option in main.commands[command].params if option.name == "metric"]
        assert set(re.findall(r"\w+", option.help)) - {"or"} == set(METRICS)
