"""Cards of datasets: what a class declares, what is counted in the data, and the page in docs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import data_files
import numpy as np
import pandas as pd
import pytest
from test_data_own import invoke
from test_data_published import LOGS as SIZES

from coldbench.commands.card import declared
from coldbench.data.files.raw import RawFiles
from coldbench.plugins.kinds import DATASETS
from coldbench.plugins.registry import Registry

PAGE = (Path(__file__).parent.parent / "docs" / "cards.md").read_text()
NAMES = [name for name in Registry().names(DATASETS) if Registry().get(DATASETS, name).by_name]
LOGS = [name for name in NAMES if name != "synthetic"]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_cards_says_what_the_classes_say(name):
    owner = Registry().get(DATASETS, name)
    assert owner.label_rule
    assert owner.traps
    assert (owner.published is None) == (name == "synthetic")
    assert f"\n{declared(name, owner)}\n" in PAGE, "make cards"


def step(card, what):
    """The rows in and out of one step of a card."""
    (line,) = (line for line in card.splitlines() if line.startswith(f"| {what}"))
    return [int(cell.replace(",", "")) for cell in line.split("|")[2:4]]


@pytest.mark.parametrize("name", LOGS)
def test_a_card_counts_rows_in_and_out_and_quotes_none(name, tmp_path, monkeypatch):
    folder = data_files.write(name, tmp_path)
    source = data_files.expect(name, folder, monkeypatch)
    if name in SIZES:  # the default split is for the published size
        _, n, k = SIZES[name]
        config = dataclasses.make_dataclass("Config", [("n", int, n), ("k", int, k)], frozen=True)
        monkeypatch.setattr(source, "Config", config)
    result = invoke("data", "card", name, folder)
    assert result.exit_code == 0, result.output
    prepared = source().read(RawFiles(folder, source.largest, source.parts))
    log, steps = prepared.interactions, prepared.steps
    assert steps[0].kept == len(log["item"])
    assert all(one.kept <= one.rows for one in steps[1:])
    for one in steps:
        assert step(result.output, one.what) == [one.rows, one.kept]
    assert f"| interactions | {len(log['item']):,} |" in result.output
    for title in prepared.texts.get("title", ()):
        assert len(title) < 8 or title not in result.output


def test_steps_of_movielens_against_pandas(tmp_path):
    folder = data_files.write("ml-latest", tmp_path)
    ratings, movies = pd.read_csv(folder / "ratings.csv"), pd.read_csv(folder / "movies.csv")
    ratings = ratings[ratings["movieId"] != movies["movieId"][3]]
    ratings.to_csv(folder / "ratings.csv", index=False)
    rated = movies["movieId"].isin(ratings["movieId"])
    assert not rated.all()
    card = invoke("data", "card", "ml-latest", folder).output
    assert step(card, "ratings.csv") == [len(ratings)] * 2
    assert step(card, "movies.csv") == [len(movies), rated.sum()]
    tags = pd.read_csv(folder / "tags.csv").dropna()
    first = ratings.groupby("movieId")["timestamp"].min().reindex(tags["movieId"]).to_numpy()
    early = np.nan_to_num(first, nan=-1) >= tags["timestamp"].to_numpy()
    assert step(card, "tags.csv")[1] == early.sum()


def test_a_card_without_data_or_with_other_data(tmp_path):
    assert "`coldbench data add ml-1m PATH` adds it" in invoke("data", "card", "ml-1m").output
    assert "Counted in" not in invoke("data", "card", "ml-1m").output
    wrong = invoke("data", "card", "ml-1m", data_files.write("ml-25m", tmp_path))
    assert wrong.exit_code == 2
    assert "has no ml-1m.zip" in wrong.output


def test_a_card_of_damaged_data_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("COLDBENCH_DATA", str(data_files.write("ml-latest", tmp_path)))
    path = next(tmp_path.rglob("ratings.csv"))
    path.write_text(path.read_text()[:-5])
    result = invoke("data", "card", "ml-latest")
    assert result.exit_code == 2
    assert "ratings.csv" in result.output


def test_a_card_of_the_users_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card = invoke("data", "card", data_files.books(Path("books"))).output
    assert step(card, "interactions.csv") == [27, 27]
    assert step(card, "items.csv") == [5, 5]
    assert "schema.toml" in card
