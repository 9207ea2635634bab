"""The real command line: bad input in process, one end-to-end run on a real local Ray."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import roc_auc_score

from coldbench.cli import main
from coldbench.core.config import digest

SIZES = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
TINY = [part for size in SIZES for part in ("--set", f"synthetic.{size}")] + ["--set", "protocol.batch_size=256"]


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def coldbench(*arguments, **kwargs):
    command = [sys.executable, "-m", "coldbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **kwargs)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--methods", "avew"], "did you mean 'avaew'"),
        (["--backbones", "deepfn"], "did you mean 'deepfm'"),
        (["--datasets", "ml-1n"], "did you mean 'ml-1m'"),
        (["--datasets", "ml-1m"], "coldbench data add ml-1m"),
        (["--protocol", "papers"], "did you mean 'paper'"),
        (["--device", "tpu"], "known: auto, cpu, cuda"),
        (["--seeds", "0"], "between 1 and"),
        (["--seeds", "-1"], "how many"),
        (["--seeds", "a,b"], "list of seeds"),
        (["--seeds", "1.5"], "list of seeds"),
        (["--methods", ","], "is empty; it should be a name"),
        (["--methods", "cvar[adapt=maybe]"], "of type bool"),
        (["--methods", "cvar[adapt"], "closing bracket"),
        (["--methods", "cvar[adapt]"], "field=value"),
        (["--methods", "cvar", "--set", "cvar.alfa=1"], "did you mean 'alpha'"),
        (["--methods", "cvar", "--set", "cvar.alpha=-1"], "at least 0"),
        (["--methods", "cvar", "--set", "cvar.alpha=nan"], "a finite number"),
        (["--methods", "cvar", "--set", "cvar.alpha=much"], "of type float"),
        (["--methods", "cvar", "--set", "cvar.repeats=1.5"], "of type int"),
        (["--methods", "dropoutnet", "--set", "dropoutnet.rate=2"], "between 0 and 1"),
        (["--methods", "base", "--set", "cvar.alpha=1"], "name in --set"),
        (["--set", "alpha=1"], "NAME.FIELD=VALUE"),
        (["--set", "cvar.alpha"], "NAME.FIELD=VALUE"),
        (["--backbones", "deepfm", "--set", "deepfm.hidden=16xx"], "deepfm.hidden"),
        (["--set", "protocol.batch_size=0"], "between 1 and"),
        (["--set", "synthetic.n=100000"], "N = 100000"),
        (["--jobs", "0"], "--jobs"),
        (["--nonsense"], "unknown option --nonsense"),
        (["--config", "/nowhere.toml"], "cannot be read"),
        (["--data-dir", "/nowhere", "--datasets", "ml-1m"], "does not exist"),
    ],
)
def test_bad_input_ends_in_one_line_and_code_2(arguments, says, tmp_path):
    out = tmp_path / "out"
    result = invoke("run", "--dry-run", *arguments, "--out", out)
    assert result.exit_code == 2, result.output
    assert len(result.output.strip().splitlines()) == 1
    assert says in result.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("methods = [", "no TOML"),
        ("method = 'base'", "did you mean 'methods'"),
        ("jobs = true", "whole number"),
        ("jobs = 0", "between 1 and 4096"),
        ("protocol = 1.5", "what --protocol takes"),
        ("set = 3", "should be a table"),
        ("[set.cvar]\nalpha = -3", "at least 0"),
    ],
)
def test_a_bad_toml_file(text, says, tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(text)
    result = invoke("run", "--dry-run", "--config", path, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert says in result.output


def test_a_toml_file_is_what_the_flags_are_and_flags_win(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        "methods = ['base', 'cvar[adapt=false]']\nseeds = [7]\nbackbones = 'fm'\n[set.cvar]\nalpha = 2.0\n"
        "[set.synthetic]\nusers = 150\nitems = 120\ninteractions = 6000\nn = 60\nk = 5\n"
    )
    result = invoke("run", "--dry-run", "--config", path, "--backbones", "deepfm", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "deepfm / base / seed 7" in result.output
    assert "cvar[alpha=2,adapt=false] / seed 7" in result.output
    assert "2 cells, 2 to do, 1 backbone to pretrain" in result.output
    assert not (tmp_path / "out").exists()


def test_an_out_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    result = invoke("run", *TINY, "--methods", "base", "--seeds", 1, "--out", tmp_path / "file" / "out")
    assert result.exit_code == 2
    assert "cannot be written" in result.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "--jobs", "x"], "--jobs is 'x'; it should be a whole number (see"),
        (["tune", "--samples", "0"], "--samples is 0; it should be a whole number from 1 to 100000"),
        (["verify", ".", "--sample", "1.5"], "--sample is '1.5'; it should be a whole number of at least 1"),
        (["report", ".", "--alpha", "x"], "--alpha is 'x'; it should be a number"),
        (["run", "--methods"], "--methods needs a value"),
        (["run", "--job", "1"], "unknown option --job; did you mean --jobs"),
        (["report"], "FOLDER is missing"),
        (["export", "."], "--to is missing"),
    ],
)
def test_usage_errors_say_what_is_wrong_then_what_would_be_right(arguments, says):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.output.startswith(f"coldbench: {says}")
    assert f"(see coldbench {arguments[0]} --help)" in result.output


def test_no_summary_of_a_command_is_cut_off():
    for arguments in (["--help"], ["data", "--help"]):
        assert "..." not in invoke(*arguments).output.partition("Commands:")[2]


@pytest.mark.parametrize(("address", "says"), [("127.0.0.1:1", "no Ray cluster answers"), ("nowhere", "HOST:PORT")])
def test_an_address_without_a_cluster(address, says, tmp_path):
    result = invoke("run", *TINY, "--methods", "base", "--address", address, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert says in result.output
    assert not (tmp_path / "out").exists()


def test_report_of_no_run(tmp_path):
    assert invoke("report", tmp_path).exit_code == 2
    (tmp_path / "cells").mkdir()
    assert "no finished cell" in invoke("report", tmp_path).output


def test_records_of_another_version_are_named_as_such(saved_run, tmp_path):
    shutil.copytree(saved_run.path, tmp_path, dirs_exist_ok=True)
    files = sorted((tmp_path / "cells").glob("*.json"))
    for number, file in enumerate(files):
        record = json.loads(file.read_text())
        del record["digest"]
        del record["generation"]  # which records had not always
        record["schema"] += number == 0
        file.write_text(json.dumps(record | {"digest": digest(record)}))
    files[1].write_text(files[1].read_text()[:-10])
    held = "1 record of a newer coldbench, 1 record cut off or edited, 6 records of an older coldbench, and no other"
    for command in (["report"], ["export", "--to", "csv"], ["verify"], ["compare", saved_run.path]):
        result = invoke(*command, tmp_path)
        assert result.exit_code == 2
        assert f"{tmp_path} holds {held}; run the same command again" in result.output
        assert len(result.output.strip().splitlines()) == 1
    shutil.copy(next((saved_run.path / "cells").glob("*.json")), tmp_path / "cells" / "new.json")
    assert invoke("report", tmp_path).exit_code == 0
    written = (tmp_path / "report" / "report.md").read_text()
    assert "- 6 records of an older coldbench do not count." in written
    assert "- 1 record of a newer coldbench does not count." in written
    assert f"- cells/{files[1].name} is no valid record (cut off or edited); run the same command again." in written


def test_list_names_everything_with_its_citation():
    for kind, name in {"methods": "avaew", "backbones": "opnn", "datasets": "ml-1m"}.items():
        assert name in invoke("list", kind).output
    assert "arXiv:2302.14395" in invoke("list").output
    assert invoke("list", "method").exit_code == 2


def test_data_info_as_json():
    result = invoke("data", "info", "synthetic", "--json")
    about = json.loads(result.output)
    assert {"rows", "users", "items", "fingerprint", "split"} <= set(about)
    parts = ["base", "warm-a", "warm-b", "warm-c", "test", "items_old", "items_new", "items_discarded"]
    assert list(about["split"]) == parts
    assert invoke("data", "add", "synthetic", "nowhere").exit_code == 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run of two methods, two backbones, two seeds."""
    out = tmp_path_factory.mktemp("run") / "out"
    flags = [*TINY, "--methods", "base,avaew", "--backbones", "fm,deepfm", "--seeds", 2, "--jobs", 2, "--out", out]
    return out, flags, coldbench("run", *flags)


def test_a_run_writes_records_predictions_and_tables(finished):
    out, _, result = finished
    assert result.returncode == 0, result.stderr
    assert "| AVAEW" in result.stdout
    records = [json.loads(path.read_text()) for path in sorted((out / "cells").glob("*.json"))]
    assert len(records) == 8
    for record in records:
        assert [phase["phase"] for phase in record["phases"]] == ["cold", "warm-a", "warm-b", "warm-c"]
        predictions = pd.read_parquet(out / record["predictions"])
        for phase in record["phases"]:
            assert set(phase) >= {"phase", "auc", "logloss", "gauc", "steps", "seconds"}
            assert predictions[phase["phase"]].dtype == np.float32
            assert roc_auc_score(predictions["click"], predictions[phase["phase"]]) == pytest.approx(
                phase["auc"], abs=1e-6
            )
    assert len(list((out / "pretrained").glob("*.npz"))) == 4  # one per backbone and seed, shared by the methods
    names = ["report.md", "table1.md", "table1.tex", "table2.md", "table2.tex", "tables.csv", "tables.tex"]
    for name in [*names, "tests.md", "tests.tex", "tests.csv"]:
        assert (out / "report" / name).stat().st_size > 0
    tests = pd.read_csv(out / "report" / "tests.csv")
    assert set(tests["test"]) == {"paired t", "Wilcoxon", "bootstrap of items", "seeds x items"}
    assert not list(out.rglob(".writing-*"))


def test_a_report_of_another_metric_and_reference(finished):
    out, _, _ = finished
    result = invoke("report", out, "--metric", "logloss", "--reference", "base", "--alpha", 0.1)
    assert result.exit_code == 0, result.output
    assert "log loss (lower is better), mean ± half the 90 % interval" in result.output
    assert set(pd.read_csv(out / "report" / "tests.csv")["reference"]) == {"base"}
    for flags, says in (
        (["--metric", "acu"], "did you mean 'auc'"),
        (["--reference", "avaw"], "did you mean 'avaew'"),
        (["--alpha", "1"], "between 0 and 1"),
        (["--alpha", "x"], "it should be a number"),
    ):
        wrong = invoke("report", out, *flags)
        assert wrong.exit_code == 2
        assert says in wrong.output
        assert len(wrong.output.strip().splitlines()) == 1


def test_a_report_without_predictions_says_what_it_can(finished, tmp_path):
    out, _, _ = finished
    shutil.copytree(out / "cells", tmp_path / "cells")
    assert invoke("report", tmp_path).exit_code == 0
    assert set(pd.read_csv(tmp_path / "report" / "tests.csv")["test"]) == {"paired t", "Wilcoxon"}
    assert "is missing or cut off" in (tmp_path / "report" / "report.md").read_text()


def test_the_output_is_plain_lines_without_rays_chatter(finished):
    _, _, result = finished
    cells = [line for line in result.stderr.splitlines() if line.startswith("[")]
    assert [line.split("]")[0] for line in cells] == [f"[{n}/8" for n in range(1, 9)]
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith(("[", "pretrained"))]
    assert not lines, lines
    assert "Trial" not in result.stdout + result.stderr


def test_the_same_command_again_only_reports(finished):
    out, flags, first = finished
    before = {path: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    again = coldbench("run", *flags)
    assert again.returncode == 0
    assert "8 cells, 8 of them reused" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in (out / "cells").iterdir()} == before
    assert [line for line in again.stdout.splitlines() if "|" in line] == [
        line for line in first.stdout.splitlines() if "|" in line
    ]


def test_a_cell_alone_gives_the_same_bits_as_beside_others(finished, tmp_path):
    out, flags, _ = finished
    alone = tmp_path / "alone"
    few = [*flags[: len(TINY)], "--methods", "avaew", "--backbones", "fm", "--seeds", "1,", "--jobs", 1, "--out", alone]
    assert coldbench("run", *few).returncode == 0
    (path,) = (alone / "predictions").iterdir()
    assert path.read_bytes() == (out / "predictions" / path.name).read_bytes()


def test_a_record_cut_off_or_edited_is_done_again(finished):
    out, flags, _ = finished
    first, second, *_ = sorted((out / "cells").iterdir())
    original = first.read_text(), second.read_text()
    first.write_text(original[0][:200])
    second.write_text(original[1].replace('"auc": 0.', '"auc": 0.9', 1))
    reported = coldbench("report", out)
    assert reported.returncode == 0
    assert first.name in (out / "report" / "report.md").read_text()
    assert "8 cells, 6 of them reused" in coldbench("run", *flags).stdout
    for path, text in zip((first, second), original, strict=True):
        old, new = json.loads(text), json.loads(path.read_text())
        assert [phase["auc"] for phase in new["phases"]] == [phase["auc"] for phase in old["phases"]]


def test_killed_and_started_again_it_goes_on(tmp_path):
    """SIGKILL of the driver, as soon as the first cell is there."""
    out = tmp_path / "out"
    flags = [*TINY, "--methods", "base,cvar", "--backbones", "fm", "--seeds", 3, "--jobs", 1, "--out", out]
    command = [sys.executable, "-m", "coldbench", "run", *map(str, flags)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 300
    while not list(Path(out).glob("cells/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)  # its workers notice
    kept = {path: path.read_bytes() for path in out.glob("cells/*.json")}
    assert 1 <= len(kept) < 6
    result = coldbench("run", *flags)
    assert result.returncode == 0, result.stderr
    assert f"6 cells, {len(kept)} of them reused" in result.stdout
    assert all(path.read_bytes() == content for path, content in kept.items())


@pytest.mark.parametrize("arguments", ["--help", "list", "list methods", "run --help"])
def test_a_command_that_computes_nothing_waits_for_no_large_library(arguments):
    """It is answered at once; torch, ray and pandas are imported when something is computed."""
    large = "{'torch', 'ray', 'pandas', 'numpy', 'scipy', 'pyarrow', 'matplotlib'}"
    script = f"import sys; from coldbench.cli import main; main({arguments.split()}, standalone_mode=False);"
    script += f"print(sorted({large} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
