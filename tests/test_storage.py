"""A run's folder in a storage that is no local path: pyarrow's file system in memory stands for the object stores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow.fs import _MockFileSystem

from coldbench.commands import run as runs
from coldbench.commands.verify import compare
from coldbench.core.errors import InputError
from coldbench.core.remote import Remote
from coldbench.core.storage import place
from coldbench.runs.folder import PRETRAINED, Folder
from coldbench.runs.options import read_options
from coldbench.runs.plan import make_plan
from coldbench.runs.record import CUT
from coldbench.runs.runfile import keep


@pytest.fixture
def remote():
    folder = Remote("mock://run", _MockFileSystem(), "run")
    folder.mkdir()
    return folder


def test_cells_are_saved_read_back_and_compared(remote, dataset, make_cell, save_cell, tmp_path):
    folder, cell = Folder(remote), make_cell("fm", "base")
    folder.prepare()
    assert folder.records() == ([], {})
    assert folder.record(cell) is None
    assert folder.trained(PRETRAINED, cell) is None
    pretrained = cell.on(dataset).pretrain()
    record = save_cell(folder, cell)
    again = folder.trained(PRETRAINED, cell)
    assert {name: value.tobytes() for name, value in again.state.items()} == {
        name: value.tobytes() for name, value in pretrained.state.items()
    }
    assert folder.records() == ([record], {})
    local = Folder(tmp_path)
    local.prepare()
    save_cell(local, cell)
    assert compare(remote, record, tmp_path, cell, "").differences == ()

    path = remote / "cells" / f"{cell.stem}.json"
    path.write_bytes(path.read_bytes()[:100])
    assert folder.record(cell) is None
    assert folder.records() == ([], {path.name: CUT})


def test_predictions_cut_off_are_not_believed(remote, make_cell, save_cell):
    folder, cell = Folder(remote), make_cell("fm", "base")
    folder.prepare()
    save_cell(folder, cell)
    path = remote / "predictions" / f"{cell.stem}.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert folder.record(cell) is None


def test_a_report_is_written_there(remote, make_cell, save_cell, monkeypatch):
    folder, cell = Folder(remote), make_cell("fm", "base")
    folder.prepare()
    save_cell(folder, cell)
    folder.save_failures({"a cell": "its reason"})
    monkeypatch.setattr(runs, "place", lambda location: remote)
    written = runs.report("mock://run")
    assert str(written.path) == "mock://run/report/report.md"
    text = (remote / "report" / "report.md").read_text()
    assert "| FM" in text
    assert "a cell: its reason" in text


def test_run_toml_there_names_the_url(remote):
    plan = make_plan(read_options({"methods": "base", "seeds": "1"}, None))
    keep(plan, remote)
    assert 'out = "mock://run"' in (remote / "run.toml").read_text()


def test_folders_without_a_run(remote):
    with pytest.raises(InputError, match="mock://run holds no run"):
        Folder(remote).records()
    remote.mkdir()
    (remote / "cells").mkdir()
    (remote / "cells" / "x.json").write_bytes(json.dumps({"schema": 1}).encode())
    assert Folder(remote).records() == ([], {"x.json": CUT})


def test_places(tmp_path):
    assert place(tmp_path) == tmp_path
    assert place(f"file://{tmp_path}") == tmp_path
    assert isinstance(place("mock:///x"), Remote)
    assert place(Path("x")).is_absolute()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(InputError, match="leads back to itself"):
        place(tmp_path / "circle" / "run")
    for wrong in ("nope://x", "s3://", "://"):
        with pytest.raises(InputError):
            place(wrong)
