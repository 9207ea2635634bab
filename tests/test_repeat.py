"""The same cell gives the same bits: in another order, with other workers, from run.toml, and again by `verify`."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.commands.verify import Verification, compare
from coldbench.core.config import digest
from coldbench.core.errors import InputError
from coldbench.runs.folder import Folder
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.runs.runfile import keep

SIZES = ["users=150", "items=120", "interactions=6000", "n=60", "k=5"]
TINY = [part for size in SIZES for part in ("--set", f"synthetic.{size}")] + ["--set", "cvar.alpha=0.123456789"]


def own_data(folder):
    """The example of docs/own-data.md."""
    page = (Path(__file__).parent.parent / "docs" / "own-data.md").read_text()
    folder.mkdir()
    for name, content in re.findall(r"^`books/([\w.]+)`.*?```\w+\n(.*?)```", page, re.S | re.M):
        (folder / name).write_text(content)


def coldbench(*arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "coldbench", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "out"
    flags = [*TINY, "--methods", "base,cvar", "--backbones", "fm", "--seeds", "0,1", "--jobs", 2, "--out", out]
    result = coldbench("run", *flags)
    assert result.returncode == 0, result.stderr
    return out


@pytest.fixture(scope="module")
def again(finished, tmp_path_factory):
    """The same cells from run.toml, in another order, one after the other."""
    out = tmp_path_factory.mktemp("again") / "out"
    shuffled = ["--methods", "cvar[alpha=0.123456789],base", "--seeds", "1,0", "--jobs", 1]
    result = coldbench("run", "--config", finished / "run.toml", *shuffled, "--out", out)
    assert result.returncode == 0, result.stderr
    return out


def test_another_order_and_other_workers_give_the_same_bytes(finished, again):
    names = {path.name for path in (finished / "predictions").iterdir()}
    assert names == {path.name for path in (again / "predictions").iterdir()}
    assert len(names) == 4
    for name in names:
        assert (finished / "predictions" / name).read_bytes() == (again / "predictions" / name).read_bytes()


def test_run_toml_holds_what_was_run_and_repeats_it(finished, tmp_path):
    text = (finished / "run.toml").read_text()
    content = tomllib.loads(text)
    assert content["seeds"] == [0, 1]
    assert "alpha=0.123456789" in content["methods"][1]
    assert content["set"]["training"]["batch_size"] == 2048
    about = content["provenance"]
    assert {"torch", "numpy", "ray", "python"} <= set(about["versions"])
    assert len(next(iter(about["fingerprints"].values()))) == 64
    assert "--methods base,cvar" in about["command"]
    moved = tmp_path / "elsewhere"
    shutil.copytree(finished, moved)
    result = CliRunner().invoke(main, ["run", "--dry-run", "--config", str(moved / "run.toml")])
    assert "4 cells, 0 to do" in result.output


def test_an_earlier_run_toml_stays(finished, tmp_path):
    plan, other = (make_plan(read_options({"seeds": seeds}, finished / "run.toml")) for seeds in ("0,", "1,"))
    keep(plan, tmp_path)
    first = (tmp_path / "run.toml").read_text()
    keep(plan, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["run.toml"]
    keep(other, tmp_path)
    (kept,) = tmp_path.glob("run-*.toml")
    assert kept.read_text() == first
    assert tomllib.loads((tmp_path / "run.toml").read_text())["seeds"] == [1]


def test_verify_computes_cells_again(finished):
    result = coldbench("verify", finished, "--sample", 1)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.splitlines()[-1] == "1 of 1 cells are the same, bit for bit"


@pytest.fixture
def pair(finished, again, tmp_path):
    """A copy of a run to spoil, one of its records, the cell, and the folder where it was computed again."""
    out = tmp_path / "spoilt"
    shutil.copytree(finished, out)
    plan = make_plan(read_options({"backbones": "fm", "seeds": "0,"}, finished / "run.toml"))
    cell = plan.cells[0]
    return out, Folder(out).record(cell), cell, again


def test_verify_tells_edited_predictions(pair):
    out, record, cell, again = pair
    path = out / record["predictions"]
    table = pq.read_table(path)
    values = table["warm-b"].to_numpy().copy()
    values[3] += 0.5
    place = table.column_names.index("warm-b")
    pq.write_table(table.set_column(place, "warm-b", pa.array(values)), path)
    finding = compare(out, record, again, cell, "")
    assert finding.differences == (f"warm-b: 1 of {len(values)} values differ, by 0.5 at most",)
    assert finding.causes == ("its predictions were changed after they were written",)
    pq.write_table(table.set_column(place, "warm-b", pa.array(["edited"] * len(values))), path)
    assert compare(out, record, again, cell, "").differences == ("warm-b: object then, float32 now",)
    whole = (again / record["predictions"]).read_bytes()
    path.write_bytes(whole[:40] + bytes(200) + whole[240:])  # its schema, at the end, can still be read
    assert compare(out, record, again, cell, "").differences == ("its predictions are gone or damaged",)
    path.write_bytes(b"PAR1")
    assert compare(out, record, again, cell, "").differences == ("its predictions are gone or damaged",)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("provenance", "code"), "0", "code: it changed since"),
        (("provenance", "versions", "torch"), "1.0", "versions: torch 1.0 then"),
        (("provenance", "machine", "processor"), "Z80", "hardware: processor Z80 then"),
        (("fingerprint",), "0" * 64, "data: fingerprint 0000000000000000 then"),
        ((), None, "none of what is recorded differs"),
    ],
)
def test_verify_names_the_cause(pair, place, value, says):
    out, record, cell, again = pair
    record["phases"][1]["auc"] += 1e-3
    inner = record
    for name in place[:-1]:
        inner = inner[name]
    if place:
        inner[place[-1]] = value
    finding = compare(out, record, again, cell, "")
    assert len(finding.differences) == 1
    assert "warm-a: auc" in finding.differences[0]
    assert len(finding.causes) == 1
    assert finding.causes[0].startswith(says)
    text = Verification((finding,), {"x.json": "cut off or edited"}).text()
    assert says in text
    assert "0 of 1 cells are the same" in text
    assert "cells/x.json: cut off or edited" in text


def test_verify_says_what_it_needs(finished, tmp_path):
    assert CliRunner().invoke(main, ["verify", str(tmp_path)]).exit_code == 2
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    for path in (out / "cells").iterdir():
        record = json.loads(path.read_text())
        record["method"] = "theirs"
        del record["digest"]
        path.write_text(json.dumps(record | {"digest": digest(record)}))
    result = CliRunner().invoke(main, ["verify", str(out)])
    assert result.exit_code == 2
    assert "unknown method 'theirs'" in result.output


def test_a_folder_of_ones_own_is_found_from_elsewhere(tmp_path, monkeypatch):
    own_data(tmp_path / "books")
    monkeypatch.chdir(tmp_path)
    plan = make_plan(read_options({"datasets": "./books", "methods": "base", "seeds": "1"}, None))
    keep(plan, tmp_path / "out")
    monkeypatch.chdir("/")
    again = make_plan(read_options({}, tmp_path / "out" / "run.toml"))
    assert [cell.key for cell in again.cells] == [cell.key for cell in plan.cells]
    (named,) = tomllib.loads((tmp_path / "out" / "run.toml").read_text())["datasets"]
    assert named == f"folder[fields=all,vectors=none,n=6,k=1,path={tmp_path / 'books'}]"
    (cell,) = plan.cells
    assert cell.describe()["config"]["dataset"]["n"] == 6
    assert cell.labels["dataset"] == "folder[path=./books]"


def test_a_split_that_is_given_is_the_split_that_the_data_decide_where_both_are_alike(tmp_path, monkeypatch):
    own_data(tmp_path / "books")
    monkeypatch.chdir(tmp_path)
    names = "./books,books,books[n=6],books[n=7]"
    plan = make_plan(read_options({"datasets": names, "methods": "base", "seeds": "1"}, None))
    assert [cell.dataset.config.n for cell in plan.cells] == [6, 7]
    assert len(plan.datasets) == 2
    assert len({cell.key for cell in plan.cells}) == 2
    assert pickle.loads(pickle.dumps(plan.cells)) == plan.cells


def test_run_toml_is_refused_on_data_that_have_changed(tmp_path, monkeypatch):
    own_data(tmp_path / "books")
    monkeypatch.chdir(tmp_path)
    keep(make_plan(read_options({"datasets": "./books", "methods": "base", "seeds": "1"}, None)), tmp_path / "out")
    path = tmp_path / "books" / "schema.toml"
    path.write_text(path.read_text().replace("n = 6", "n = 7"))
    with pytest.raises(InputError, match="is not what it was when the TOML file was written"):
        make_plan(read_options({}, tmp_path / "out" / "run.toml"))
