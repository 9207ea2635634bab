"""Arrow holds no object of Python's: after an error one of its threads would take the process down with SIGABRT."""

from __future__ import annotations

import os
import subprocess
import sys

import data_files
import pyarrow as pa
import pytest

from coldbench.core.errors import InputError
from coldbench.data.files import delimited
from coldbench.data.files.raw import RawFiles

KINDS = {"a": pa.int32(), "b": pa.string()}


def written(folder, content: bytes) -> RawFiles:
    (folder / "table.csv").write_bytes(content)
    return RawFiles(folder)


def test_arrow_is_given_memory_of_its_own(tmp_path, monkeypatch):
    given, read = [], delimited.csv.read_csv
    monkeypatch.setattr(
        delimited.csv, "read_csv", lambda source, *rest, **more: given.append(source) or read(source, *rest, **more)
    )
    delimited.read_csv(written(tmp_path, b"a,b\n1,x\n"), "table.csv", KINDS)
    assert [type(source) for source in given] == [pa.BufferReader]


def test_blocks_are_whole_rows_in_order_and_rows_count_through_them(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_BLOCK", 100)
    lines = [f"{number},word {number}" for number in range(1000)]
    raw = written(tmp_path, "\n".join(["a,b", *lines]).encode())  # the last line without an end
    table = delimited.read_csv(raw, "table.csv", KINDS)
    assert table.to_pydict() == {"a": list(range(1000)), "b": [f"word {number}" for number in range(1000)]}
    for bad, says in (("x,word", "column a, row 778: invalid value 'x'"), ("7,", "column b, row 778: the value is")):
        raw = written(tmp_path, "\n".join(["a,b", *lines[:777], bad, *lines[778:]]).encode())
        with pytest.raises(InputError, match=says):
            delimited.read_csv(raw, "table.csv", KINDS)
    raw = written(tmp_path, b"a,b\n" + b"1" * 1000)
    with pytest.raises(InputError, match="a line of more than"):
        delimited.read_csv(raw, "table.csv", KINDS)


@pytest.mark.parametrize("repeat", range(3))
def test_a_failing_add_ends_with_code_2(tmp_path, repeat):
    """``python benchmarks/failing_adds.py`` does it 200 times."""
    folder = data_files.write("taobao-ad", tmp_path)
    lines = (folder / "raw_sample.csv").read_text().splitlines()
    lines[-1] = lines[-1].replace(",", ",x", 1)
    (folder / "raw_sample.csv").write_text("\n".join(lines))
    command = [sys.executable, "-m", "coldbench", "data", "add", "taobao-ad", str(folder)]
    ended = subprocess.run(command, env=os.environ, capture_output=True, text=True)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
