"""A subset of a published dataset: refused as it is, taken with --partial; the split that ``data info`` proposes."""

from __future__ import annotations

import json

import data_files
import pytest
from click.testing import CliRunner

from coldbench.cli import main
from coldbench.core.errors import InputError
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry
from coldbench.protocol.split import warm_up_split

LOGS = {"ml-1m": "ratings.dat", "ml-25m": "ratings.csv", "taobao-ad": "raw_sample.csv"}
OTHERS = {"ml-1m": "movies.dat", "ml-25m": "movies.csv", "taobao-ad": "ad_feature.csv"}


@pytest.fixture(params=list(LOGS))
def subset(request, tmp_path, monkeypatch):
    """A dataset of which half of the log and half of what is known about the items is left, with both row counts."""
    name = request.param
    folder = data_files.write(name, tmp_path)
    source = data_files.expect(name, folder, monkeypatch)
    for file in (LOGS[name], OTHERS[name]):
        lines = (folder / file).read_bytes().splitlines(keepends=True)
        (folder / file).write_bytes(b"".join(lines[: len(lines) // 2]))
    rows = len((folder / LOGS[name]).read_bytes().splitlines()) - (name != "ml-1m")
    return name, folder, rows, source.published_rows[LOGS[name]]


def invoke(*arguments):
    return CliRunner().invoke(main, ["data", *map(str, arguments)])


def test_refused_without_the_flag_which_the_message_names(subset):
    name, folder, *_ = subset
    result = invoke("add", name, folder)
    assert result.exit_code == 2
    assert "--partial" in result.output


def test_taken_with_it_under_a_label_and_fingerprint_of_its_own(subset, monkeypatch):
    name, folder, rows, published = subset
    source = Registry().get(DATASETS, name)
    partial = source()
    partial.accept_partial()
    data = partial.add(folder)
    assert data.label.endswith(f" (partial: {rows:,} of {published:,} rows)")
    assert data.rows == rows
    assert (data.items.ids >= 0).all()
    again = source().load(source.Config(), folder)  # what was prepared so is found so
    assert (again.label, again.fingerprint) == (data.label, data.fingerprint)
    monkeypatch.setattr(source, "published_rows", {})
    monkeypatch.setattr(source, "known", lambda *rest: None)
    assert source().add(folder).fingerprint == data.fingerprint  # asked for as a whole, the cached part is used


def test_more_rows_than_published_are_no_subset(subset):
    name, folder, *_ = subset
    with (folder / LOGS[name]).open("ab") as file:
        file.write(b"".join((folder / LOGS[name]).read_bytes().splitlines(keepends=True)[1:]) * 2)
    source = Registry().get(DATASETS, name)()
    source.accept_partial()
    with pytest.raises(InputError, match=r"or another dataset$"):
        source.add(folder)


def test_the_command_line_takes_the_flag(subset):
    name, folder, rows, published = subset
    result = invoke("add", name, folder, "--partial")
    assert "gives" in result.output or result.exit_code == 0, result.output  # the tiny log may not split
    if result.exit_code == 0:
        assert f"(partial: {rows:,} of {published:,} rows)" in result.output
    assert "no published files" in invoke("add", "synthetic", folder, "--partial").output


def test_info_proposes_a_split_and_its_sizes():
    about = json.loads(invoke("info", "synthetic", "--json").output)
    proposed = about["proposed"]
    split = proposed["split"]
    assert split["items_new"] / (split["items_new"] + split["items_old"]) == pytest.approx(0.8, abs=0.01)
    result = invoke("info", "synthetic")
    assert (
        f"proposed: N = {proposed['n']}, K = {proposed['k']}, 80 % new items: base {split['base']:,}" in result.output
    )
    source = Registry().get(DATASETS, "synthetic")()

    assert warm_up_split(source.load(source.Config(n=proposed["n"], k=proposed["k"]))).sizes() == split
