"""MIND (Wu et al. 2020, DOI 10.18653/v1/2020.acl-main.331): news that Microsoft News showed, and what was clicked.

Each article in each impression is one row, and its label says whether it was clicked. Articles that ``news.tsv`` lacks
have missing fields. The click histories are not used, because those of a later part hold clicks of an earlier one.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from coldbench.plugin import (
    TSV,
    FileSource,
    InputError,
    Prepared,
    ProposedShots,
    Publication,
    RawFiles,
    Step,
    categorical,
    column,
    conform,
    distinct,
    multi,
    provenance,
    read_blocks,
    read_csv,
    renumbered,
)

_TITLE_WORDS = 15
_WORD = re.compile(r"\w+")
_LARGEST = 99_999_999  # the largest number in an id
_SIZES = {29_572: "demo", 230_117: "small", 2_609_219: "large"}  # impressions of the train and dev parts together
_BEHAVIORS = {
    "impression": pa.int64(),
    "user": pa.string(),
    "time": pa.string(),
    "history": pa.string(),
    "impressions": pa.string(),
}
_LOG = ("impression", "user", "time", "impressions")
_NEWS = dict.fromkeys(("news", "category", "subcategory", "title", "abstract", "url", "entities", "more"), pa.string())
Config = ProposedShots


class Mind(FileSource):
    """A folder or zip with ``behaviors.tsv`` and ``news.tsv``, or with parts of them such as MINDsmall_train.zip."""

    key = "mind"
    title = "MIND"
    files = ("behaviors.tsv", "news.tsv")
    parts = True
    archives = ("mind.zip", "mind")
    version = "1"
    largest = 2**33
    published = Publication(
        page="https://msnews.github.io/",
        licence="Microsoft Research's terms stand on that page, which asks to accept them.",
    )

    label_rule = "The log's own label of each article in an impression."
    traps = (
        "An impression without a click may have been scrolled past: nobody knows what was seen.",
        "The click histories of a later part contain clicks of an earlier one, so none are used.",
    )

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the labelled parts; the published test part has no labels."""
        parts = {name: _behaviors(raw, name) for name in raw.named("behaviors.tsv")}
        logs = [part for part in parts.values() if part is not None]
        unlabelled = [name for name, part in parts.items() if part is None]
        if not logs:
            raise InputError(f"{' and '.join(unlabelled)} do not tell what was clicked; a train or dev part is needed")
        log = {key: np.concatenate([part[key] for part in logs]) for key in logs[0]}
        impressions = int(log.pop("impressions").sum())
        self.count("behaviors.tsv", len(log["click"]))
        users, log["user"] = renumbered("behaviors.tsv, users", log["user"], _LARGEST)
        shown, log["item"] = renumbered("behaviors.tsv, articles", log["item"], _LARGEST)
        news = _news(raw)
        lacking = ~np.isin(shown, news.index)
        if lacking.all():
            raise InputError("news.tsv has none of the articles of behaviors.tsv; it belongs to other impressions")
        steps = (
            Step("behaviors.tsv, impressions; each article in one becomes a row", impressions, len(log["click"])),
            Step("news.tsv, articles; those never shown are left out", len(news), int((~lacking).sum())),
        )
        news = news.reindex(shown)
        titles = [_WORD.findall(title.lower()) for title in news["title"].fillna("")]
        columns = [
            categorical("user_id", "user", pd.Series(users)),
            categorical("category", "item", news["category"]),
            categorical("subcategory", "item", news["subcategory"]),
            multi("title", "item", titles, _TITLE_WORDS),
        ]
        size = _SIZES.get(impressions, f"{impressions:,} impressions")
        label, notes = provenance(raw, f"{self.title} ({size})")
        notes += tuple(f"{name} does not tell what was clicked, and was left out" for name in unlabelled)
        if lacking.any():
            rows = lacking[log["item"]].mean()
            notes += (
                f"news.tsv lacks {lacking.sum():,} of {len(shown):,} articles, in {100 * rows:.1f} % of the rows",
            )
        texts = {name: news[name].fillna("").tolist() for name in ("title", "abstract")}
        return Prepared.of(label, len(users), len(shown), columns, log, notes, texts, steps)


def _behaviors(raw: RawFiles, name: str) -> dict[str, np.ndarray] | None:
    """Reads one part's rows and its number of ``impressions``; returns None if the part has no labels."""
    blocks, rows = [], 0
    seen = []
    for block in read_blocks(raw, name, _BEHAVIORS, form=TSV, columns=_LOG):
        if block.num_rows and not rows and not pc.any(pc.match_substring(block["impressions"], "-")).as_py():
            return None
        blocks.append(_flattened(name, rows, block))
        seen.append(column(block, "impression"))
        rows += block.num_rows
    if not rows:
        raise InputError(f"{name} has no rows: truncated, or another dataset")
    distinct(f"{name}, impressions", np.concatenate(seen), _LARGEST)
    log = {key: np.concatenate([part[key] for part in blocks]) for key in blocks[0]}
    return {**log, "impressions": np.array([rows])}


def _flattened(name: str, before: int, block: pa.Table) -> dict[str, np.ndarray]:
    """Converts a block's impressions to rows of user, article, click and time."""
    lists = pc.split_pattern(block["impressions"].combine_chunks(), " ")
    shown, parent = pc.list_flatten(lists), pc.list_parent_indices(lists).to_numpy()
    parts = pc.extract_regex(shown, r"^N(?P<news>\d{1,8})-(?P<click>[01])$")
    _all_right(f"{name}, impressions", before + parent, shown, parts, "an article and its label such as N43266-0")
    users = pc.extract_regex(block["user"].combine_chunks(), r"^U(?P<user>\d{1,8})$")
    lines = before + np.arange(block.num_rows)
    _all_right(f"{name}, users", lines, block["user"], users, "an id such as U81994")
    moments = pc.strptime(block["time"], format="%m/%d/%Y %I:%M:%S %p", unit="s", error_is_null=True)
    _all_right(f"{name}, times", lines, block["time"], moments, "a time such as 11/12/2019 2:14:46 PM")
    time = moments.cast(pa.int64()).to_numpy()
    conform(f"{name}, times", time, (time > 0) & (time < 2**32), "after 1970")
    return {
        "user": users.field("user").cast(pa.int32()).to_numpy()[parent],
        "item": parts.field("news").cast(pa.int32()).to_numpy(),
        "click": parts.field("click").cast(pa.uint8()).to_numpy(),
        "time": time[parent],
    }


def _all_right(where: str, lines: np.ndarray, texts: pa.Array, found: pa.Array, what: str) -> None:
    if found.null_count:
        place = int(np.argmax(found.is_null().to_numpy(zero_copy_only=False)))
        raise InputError(f"{where}, row {lines[place] + 1}: {texts[place].as_py()!r:.60} should be {what}")


def _news(raw: RawFiles) -> pd.DataFrame:
    """Reads the articles of all parts, indexed by the numbers in their ids."""
    tables = []
    for name in raw.named("news.tsv"):
        table = read_csv(raw, name, _NEWS, missing=tuple(_NEWS)[3:], form=TSV)
        if not table.num_rows:
            raise InputError(f"{name} has no rows: truncated, or another dataset")
        ids = pc.extract_regex(table["news"].combine_chunks(), r"^N(?P<news>\d{1,8})$")
        _all_right(f"{name}, articles", np.arange(table.num_rows), table["news"], ids, "an id such as N88753")
        number = ids.field("news").cast(pa.int64()).to_numpy()
        distinct(f"{name}, articles", number, _LARGEST)
        tables.append(table.select(["category", "subcategory", "title", "abstract"]).to_pandas().set_index(number))
    news = pd.concat(tables)
    return news[~news.index.duplicated()]
