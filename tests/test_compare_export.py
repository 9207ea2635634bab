"""Two runs side by side, and a run as one table; on cells trained for real, without Ray."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats

from coldbench.cli import main
from coldbench.commands.export import COLUMNS, PRETRAINING, measurements
from coldbench.core.config import digest
from coldbench.significance import holm


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def finished(saved_run):
    return saved_run


def changed(folder, out, change):
    """The same run with its records changed, and their digests put right; predictions are gone."""
    (out / "cells").mkdir(parents=True)
    for path in (folder.path / "cells").iterdir():
        record = json.loads(path.read_text())
        del record["digest"]
        if change(record) is not None:
            record["key"] = digest([record["key"], "changed"])
            record["digest"] = digest(record)
            (out / "cells" / path.name).write_text(json.dumps(record))
    return out


def rows(output):
    """The lines of the table of differences, cell by cell."""
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in output.splitlines() if line[:1] == "|"]
    return [row for row in table if len(row) > 4 and row[4] in ("cold", "warm-a", "warm-b", "warm-c")]


def test_a_run_is_identical_to_itself(finished):
    result = invoke("compare", finished.path, finished.path)
    assert result.exit_code == 0, result.output
    assert "In both: 8 cells, 8 with identical predictions; 8 have the same key" in result.output
    assert "differs" not in result.output
    assert [row[-1] for row in rows(result.output)] == ["identical results"] * 8


def test_differences_are_paired_by_seed_and_corrected(finished, tmp_path):
    shifts = {0: 0.011, 1: 0.009, 2: 0.012, 3: 0.01}

    def better(record):
        record["provenance"]["versions"]["torch"] = "9.9"
        record["provenance"]["code"] = "0" * 64
        if record["method"] == "base":
            for phase in record["phases"][1:]:
                phase["auc"] += shifts[record["seed"]]
        return record

    out = changed(finished, tmp_path / "second", better)
    result = invoke("compare", finished.path, out)
    assert result.exit_code == 0, result.output
    assert any(line.startswith("| torch") and "differs" in line for line in result.output.splitlines())
    assert "4 with identical predictions; 0 have the same key" in result.output
    assert "8 of them were computed by other code" in result.output
    found = {(row[3], row[4]): row for row in rows(result.output)}
    p_value = stats.ttest_1samp(list(shifts.values()), 0).pvalue
    expected = holm(pd.Series([p_value] * 3).to_numpy())[0]
    assert found["base", "warm-a"][8] == "+0.0105"
    assert float(found["base", "warm-a"][10]) == pytest.approx(expected, abs=5e-5)
    assert found["base", "warm-a"][-1] == "differs"
    assert found["base", "cold"][-1] == "identical results"
    assert found["dropoutnet", "warm-a"][-1] == "identical results"


def test_a_setting_that_only_one_version_knows_does_not_keep_cells_apart(finished, tmp_path):
    def newer(record):
        record["config"]["settings"]["momentum"] = 0.5
        return record

    result = invoke("compare", finished.path, changed(finished, tmp_path / "second", newer))
    assert "In both: 8 cells" in result.output
    assert "setting: momentum" in result.output


def test_runs_of_several_settings_are_compared_setting_by_setting(finished, tmp_path):
    def longer(record):
        record["config"]["settings"]["pretrain_epochs"] = 10
        for phase in record["phases"]:
            phase["auc"] += 0.1
        return record

    both = changed(finished, tmp_path / "both", longer)
    for path in (finished.path / "cells").iterdir():
        shutil.copy(path, both / "cells" / f"one-{path.name}")
    result = invoke("compare", finished.path, both)
    assert "Only in the second: 8 cells: " in result.output
    assert "(pretrain_epochs 10)" in result.output
    assert [row[-1] for row in rows(result.output)] == ["identical results"] * 8
    assert {row[5] for row in rows(result.output)} == {"4"}


def test_runs_with_little_or_nothing_in_common(finished, tmp_path):
    def few(record):
        return record if record["method"] == "base" and record["seed"] < 2 else None

    result = invoke("compare", changed(finished, tmp_path / "few", few), finished.path)
    assert "Only in the second: 6 cells: " in result.output
    assert "base / 2" in result.output

    def other(record):
        record["fingerprint"] = "0" * 64
        record["config"]["settings"]["batch_size"] = 7
        return record

    result = invoke("compare", finished.path, changed(finished, tmp_path / "other", other))
    assert result.exit_code == 0
    assert "No cell in common: fingerprint " in result.output
    assert "against 0000000000000000" in result.output
    assert "batch_size 256" in result.output
    assert "batch_size 7" in result.output


def test_two_seeds_have_no_p(finished, tmp_path):
    def few(record):
        record["phases"][1]["auc"] += 0.01
        return record if record["seed"] < 2 else None

    result = invoke("compare", changed(finished, tmp_path / "few", few), finished.path)
    assert "2 seeds; the paired t-test needs 3" in result.output


def test_cells_of_one_key_with_other_bits_are_called_out(finished, tmp_path):
    out = tmp_path / "second"
    out.mkdir()
    for part in ("cells", "predictions"):
        (out / part).mkdir()
        for path in (finished.path / part).iterdir():
            (out / part / path.name).write_bytes(path.read_bytes())
    path = next((out / "predictions").iterdir())
    table = pd.read_parquet(path)
    table.loc[0, "cold"] += 1
    table.to_parquet(path, index=False)
    result = invoke("compare", finished.path, out)
    assert "8 cells, 7 with identical predictions" in result.output
    assert "1 cell of the same key differs" in result.output


@pytest.mark.parametrize("to", ["parquet", "csv", "json"])
def test_an_export_reads_back_as_what_was_recorded(finished, tmp_path, to):
    out = tmp_path / f"tidy.{to}"
    result = invoke("export", finished.path, "--to", to, "--out", out)
    assert result.exit_code == 0, result.output
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv, "json": pd.read_json}[to]
    exact = {"parquet": {}, "csv": {}, "json": {"precise_float": True}}
    frame = read(out, **exact[to])
    assert list(frame.columns) == list(COLUMNS)
    records, _ = finished.records()
    assert f"{len(frame):,} measurements of 8 cells" in result.output
    for record in records:
        mine = frame[frame["key"] == record["key"]].set_index(["phase", "metric"])["value"]
        assert mine[PRETRAINING, "steps"] == record["pretraining"]["steps"]
        for phase in record["phases"]:
            for metric in ("auc", "logloss", "gauc", "item_auc", "calibration", "steps", "seconds"):
                assert mine[phase["phase"], metric] == phase[metric]
    row = frame.iloc[0]
    assert json.loads(row["settings"])["batch_size"] == 256
    assert json.loads(row["dataset_config"])["users"] == 150
    assert frame["seed"].dtype == "int64"


def test_a_measurement_that_is_not_defined_is_empty(finished):
    records, _ = finished.records()
    records[0]["phases"][0]["auc"] = None
    frame = measurements(records)
    assert frame["value"].isna().sum() == 1
    assert not frame.drop(columns=["value", "commit"]).isna().any().any()


def test_every_column_of_an_export_is_documented(finished):
    assert list(measurements(finished.records()[0]).columns) == list(COLUMNS)


def test_export_to_the_runs_folder_and_wrong_ones(finished, tmp_path):
    shutil.copytree(finished.path / "cells", tmp_path / "run" / "cells")
    assert invoke("export", tmp_path / "run", "--to", "json").exit_code == 0
    taken = tmp_path / "run" / "export.json"
    assert taken.exists()
    for arguments, says in (
        ((finished.path, "--to", "xlsx"), "known: csv, json, parquet"),
        ((tmp_path, "--to", "csv"), "holds no run"),
        ((finished.path, "--to", "csv", "--out", taken / "x.csv"), "cannot be written"),
        ((finished.path,), "--to"),
    ):
        result = invoke("export", *arguments)
        assert result.exit_code == 2
        assert says in result.output
        assert len(result.output.strip().splitlines()) == 1
    assert invoke("compare", finished.path, tmp_path).exit_code == 2
    assert "did you mean 'auc'" in invoke("compare", finished.path, finished.path, "--metric", "acu").output
