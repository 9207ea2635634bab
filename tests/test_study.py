"""The study's commands are ones that ``coldbench`` takes, and its tables say what was put into them."""

from __future__ import annotations

import importlib
import shlex
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

import coldbench
from coldbench.cli import main

ROOT = Path(__file__).parent.parent
SEEDS = 5
ADDED = {
    "base[tuned]": 0.0,
    "good[tuned]": 0.01,
    "same[tuned]": 0.0001,
    "bad[tuned]": -0.01,
    "base": -0.02,
    "good": 0.005,
}


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("study")


@pytest.fixture
def tables(study):
    return importlib.import_module("study_tables")


@pytest.fixture
def frame():
    """Two logs on one backbone, and a second backbone on the first log; on the second log the order is turned round."""
    random = np.random.default_rng(0)
    rows = []
    for log, backbone, sign in (("first", "fm", 1), ("first", "dcn", 1), ("second", "fm", -1)):
        for method, added in ADDED.items():
            for seed, shots in np.ndindex(SEEDS, 3):
                auc = 0.7 + 0.01 * seed + sign * added + random.normal(scale=2e-4)
                rows.append((log, backbone, method, seed, np.nan, shots * 20, auc, 2.0 + shots))
    names = ["log", "backbone", "method", "seed", "budget", "shots", "auc", "cpu_seconds"]
    return pd.DataFrame(rows, columns=names)


def row(table: str, name: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_gains_carry_their_verdicts(tables, frame):
    found = tables.gains(tables.differences(frame, (20, 60)))
    assert [cell[-1] for cell in row(found, "good[tuned]")[1:]] == ["+", "+", "-"]
    assert [cell[-1] for cell in row(found, "bad[tuned]")[1:]] == ["-", "-", "+"]
    assert [cell[-1] for cell in row(found, "same[tuned]")[1:]] == ["=", "=", "="]
    assert float(row(found, "good[tuned]")[1].split()[0]) == pytest.approx(0.01, abs=5e-4)


def test_verdicts_are_counted_per_method_and_for_all(tables, frame):
    """An interval that lies beyond the margin as a whole is marked twice, and counted in brackets."""
    tests = tables.differences(frame, (20, 60))
    assert row(tables.gains(tests), "good[tuned]")[1].endswith(" ++")
    assert row(tables.gains(tests), "same[tuned]")[1].endswith(" =")
    found = tables.how_often({"few": tests, "many": tests})
    assert row(found, "good[tuned]")[1:] == ["2 (2)", "0", "0", "1 (1)"] * 2
    assert row(found, "same[tuned]")[1:] == ["0", "3", "0", "0"] * 2
    assert row(found, "all")[1:] == ["3 (3)", "3", "0", "3 (3)"] * 2
    small = tests.assign(half=tests["difference"].abs())
    assert row(tables.how_often({"few": small}), "all")[1:] == ["3", "3", "0", "3"]


def test_two_seeds_have_no_verdict_and_no_mark(tables, frame):
    tests = tables.differences(frame[frame["seed"] < 2], (20, 60))
    assert row(tables.gains(tests), "good[tuned]")[1].split()[-2] == "±"
    assert row(tables.how_often({"many": tests}), "all")[1:] == ["0"] * 4


def test_ranks_carry_between_backbones_and_turn_round_between_logs(tables, frame):
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in tables.ranks(frame).splitlines()[2:]]
    carried = {cells[2]: float(cells[-1].split()[0]) for cells in found}
    assert carried["log"] >= 0.8
    assert carried["backbone"] <= -0.8


def test_row_by_row_correlations_are_scipys(tables):
    first, second = np.random.default_rng(1).integers(0, 6, size=(2, 20, 9)).astype(float)
    expected = [stats.spearmanr(*rows).statistic for rows in zip(first, second, strict=True)]
    np.testing.assert_allclose(tables.spearman(first, second), expected)


def test_the_figure_names_every_method_log_and_backbone(tables, frame):
    windows = {"few": tables.differences(frame, (0, 20)), "many": tables.differences(frame, (40, 40))}
    picture = importlib.import_module("study_figure").forest(windows)
    text = picture.files["svg"].decode()
    for words in ("few", "many", "good", "same", "bad", "first, fm", "first, dcn", "second, fm"):
        assert f">{words}</text>" in text, words


def test_cost_counts_fit_and_phases_apart(tables, frame):
    assert row(tables.cost(frame), "good[tuned]")[1:] == ["2.0 + 7.0"] * 3


def test_a_share_is_what_the_step_size_alone_gives(tables, frame):
    gain, share = row(tables.consists(frame), "good")[1].split(", share ")
    assert float(gain) == pytest.approx(0.025, abs=1e-3)
    assert float(share.rstrip("%")) == pytest.approx(80, abs=3)


def test_a_share_pairs_the_seeds_that_both_have(tables, frame):
    """Seeds differ by far more than methods do; those that base at its defaults lacks must not enter its share."""
    more = frame[frame["method"].isin(["base[tuned]"])].assign(seed=frame["seed"] + SEEDS, auc=frame["auc"] + 0.5)
    assert tables.consists(pd.concat([frame, more])) == tables.consists(frame)


def test_methods_with_wide_intervals_get_more_seeds(tables, frame):
    """Only seeds below the limit count, so that the answer stays the same once there are more."""
    noisy = frame["method"].eq("bad[tuned]") & frame["backbone"].eq("dcn")
    wide = frame.assign(auc=frame["auc"].where(~noisy, frame["auc"] + 0.01 * (frame["seed"] % 2)))
    more = wide.assign(seed=wide["seed"] + SEEDS, auc=0.6)
    both = pd.concat([wide, more]).rename(columns={"log": "dataset_name"})
    assert tables.too_wide(both, SEEDS) == ["bad"]


def test_tables_are_made_from_the_scores_of_the_parts_that_are_there(study, tables, frame, monkeypatch, tmp_path):
    """Each part keeps its scores to the last digit, and a part that has not been run leaves the others readable."""
    equal = frame.assign(budget=3.0, auc=0.6 + frame["auc"] / 10)
    run = SimpleNamespace(frame=pd.concat([equal, frame]))
    run.frame = run.frame.assign(dataset_name=run.frame["log"], fingerprint=run.frame["log"])
    monkeypatch.setattr(tables.coldbench, "load", lambda folder: run)
    monkeypatch.setattr(study, "call", lambda command, cache: None)
    monkeypatch.setattr(study, "RESULTS", tmp_path)
    study.run(study.PARTS[0], SEEDS, search=False)
    tables.write_tables(["not run", study.PARTS[0].name], tmp_path)
    assert tables.gains(tables.differences(frame, (20, 60))) in (tmp_path / "gains.md").read_text()
    assert tables.consists(frame) in (tmp_path / "consists.md").read_text()
    written = (tmp_path / "budgets.md").read_text()
    assert "## budget 3\n" in written
    assert tables.gains(tables.differences(equal, (1, 60))) in written


def test_a_second_search_takes_over_what_the_first_one_fitted(study, monkeypatch, tmp_path):
    monkeypatch.setattr(study, "WORK", tmp_path)
    part = study.PARTS[0]
    study.share_stages(part)
    for stage in ("pretrained", "fitted"):
        file = tmp_path / part.name / "budgets" / stage / "ml-1m-fm-cvar-0123.npz"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"made")
    calls = []
    monkeypatch.setattr(study, "call", lambda command, cache: calls.append(command))
    with pytest.raises(coldbench.InputError):  # there is no run to keep scores of
        study.run(part, SEEDS, search=True)
    assert len(calls) == 5
    assert len(list((tmp_path / part.name / "shots").glob("*/ml-1m-fm-cvar-0123.npz"))) == 2


def test_descriptions_of_items_have_a_page_of_their_own(tables, frame, tmp_path):
    """A log with vectors is not one log more: it stands beside the log as it is, for the methods that both have."""
    few = frame[(frame["log"] == "first") & (frame["backbone"] == "fm") & frame["method"].str.contains("base|good")]
    (tmp_path / "part").mkdir()
    wider = pd.concat([frame, few.assign(log="first[vectors=title,n=9,k=2]"), frame.assign(log="first, release[at=1]")])
    wider.rename(columns={"log": "dataset_name"}).to_csv(tmp_path / "part" / tables.SCORES, index=False)
    tables.write_tables(["part"], tmp_path)
    page = (tmp_path / "vectors.md").read_text()
    heads = page.split("## at cold")[1].splitlines()[2]
    assert [head.strip() for head in heads.strip("|").split("|")[1:]] == ["first, fm", "first[vectors=title], fm"]
    assert "bad[tuned]" not in page
    for name in ("gains", "ranks", "cost", "consists"):
        text = (tmp_path / f"{name}.md").read_text()
        assert "vectors=title" not in text
        assert "first, release[at=1]" in text


def test_cells_that_two_parts_have_count_once(tables, frame, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        frame.rename(columns={"log": "dataset_name"}).to_csv(tmp_path / name / tables.SCORES, index=False)
    written = []
    for parts in (["one"], ["one", "other"]):
        tables.write_tables(parts, tmp_path)
        written.append({file.name: file.read_text() for file in tmp_path.glob("*.md")})
    assert written[0] == written[1]
    assert "| 2.0 + 7.0" in written[1]["cost.md"]


def test_no_part_leaves_no_table(tables, tmp_path):
    tables.write_tables(["not run"], tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("search", [True, False])
def test_each_part_asks_what_coldbench_takes(study, search):
    """Every flag is known; whether the data are there is another matter."""
    for part in study.PARTS:
        for command in part.commands(study.SEEDS, search):
            words = shlex.split(command)
            result = CliRunner().invoke(main, [*words, "--help"])
            assert result.exit_code == 0, result.output
            flags = {word for word in words if word.startswith("--")}
            assert all(flag in result.output for flag in flags), flags


def test_a_log_is_its_data_whether_its_sizes_are_spelled_out_or_not(tables):
    names = ["ml[n=9,k=2]", "ml", "ml[fields=none,n=9,k=2]", "ml[fields=none]", "ml[n=9,k=2], release[at=0.5]", "other"]
    assert list(tables.named(pd.DataFrame({"dataset_name": names}))["log"]) == [
        *["ml"] * 2,
        *["ml[fields=none]"] * 2,
        "ml, release[at=0.5]",
        "other",
    ]


def test_a_log_whose_name_another_part_uses_has_the_name_of_its_part(study, monkeypatch):
    monkeypatch.setattr(study, "measured", lambda folder: pd.DataFrame({"dataset_name": ["ml-latest[k=5]"]}))
    named = {part.name: part.measured()["dataset_name"].item() for part in study.PARTS}
    assert named["ml-latest"] == "ml-latest[k=5]"
    assert named["ml-latest-small"] == "ml-latest-small"
