"""EB-NeRD (Kruse et al. 2024, DOI 10.1145/3687151.3687152): news that Ekstra Bladet showed, and what was clicked.

Each article in each impression is one row, and its label says whether it was clicked. A user's ``reads`` is log(1 + c),
where c counts the clicks in ``history.parquet`` before the log begins; later clicks in a part's history may be clicks
of another part. Articles have fields if the bundle has ``articles.parquet``; its totals of views and reading time come
from the whole log and are not used. The articles' vectors are a field of kind ``vector``.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from coldbench.plugin import (
    Field,
    FileSource,
    InputError,
    Prepared,
    ProposedShots,
    Publication,
    RawFiles,
    Step,
    article_vectors,
    categorical,
    conform,
    distinct,
    multi,
    parquet_columns,
    provenance,
    read_parquet,
    renumbered,
)

_LARGEST = 99_999_999  # the largest id
_WORD = re.compile(r"\w+")
_SIZES = {50_080: "demo", 477_534: "small"}  # impressions of the train and validation parts together
_VECTORS = (
    "document_vector.parquet",
    "contrastive_vector.parquet",
    "bert_base_multilingual_cased.parquet",
    "xlm_roberta_base.parquet",
    "image_embeddings.parquet",
)
_PROFILE = ("gender", "postcode", "age", "is_subscriber", "is_sso_user")
_ARTICLE = {"premium": pa.bool_(), "article_type": pa.string(), "category": pa.int32(), "sentiment_label": pa.string()}
_LISTS = {"subcategory": (pa.list_(pa.int32()), 5), "topics": (pa.list_(pa.string()), 10)}
Config = ProposedShots


class EBNeRD(FileSource):
    """A folder or zip with ``train`` and ``validation``, and optional files about the articles."""

    key = "eb-nerd"
    title = "EB-NeRD"
    files = ("behaviors.parquet",)
    optional = ("history.parquet", "articles.parquet", *_VECTORS)
    parts = True
    archives = ("eb-nerd.zip", "eb-nerd", "ebnerd_demo.zip", "ebnerd_small.zip", "ebnerd_large.zip")
    version = "2"
    largest = 2**34
    published = Publication(
        page="https://recsys.eb.dk/dataset/",
        licence="Ekstra Bladet's research terms stand on that page, which asks to accept them.",
    )

    label_rule = "The article was clicked in that impression."
    traps = (
        "An impression without a click on an article may have been scrolled past: nobody knows what was seen.",
        "The articles' total views and reading times come from the whole log, test rows included, so none are used.",
        "Clicks in the validation part's histories fall within the train part; only those before the log begins count.",
    )

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the labelled parts; the published test part has no labels."""
        log, impressions, notes = _behaviors(raw)
        self.count("behaviors.parquet", len(log["click"]))
        users, log["user"] = renumbered("behaviors.parquet, column user_id", log["user"], _LARGEST)
        shown, log["item"] = renumbered("behaviors.parquet, articles", log["item"], _LARGEST)
        people = impressions.sort_values("time", kind="stable").drop_duplicates("user_id").set_index("user_id")
        columns = [categorical("user_id", "user", pd.Series(users))]
        columns += [categorical(name, "user", people[name].reindex(users)) for name in _PROFILE]
        if raw.named("history.parquet"):
            columns.append((Field("reads", "numeric", "user"), _reads(raw, users, int(log["time"].min()))))
        what = "behaviors.parquet, impressions; each article in one becomes a row"
        steps = [Step(what, len(impressions), len(log["click"]))]
        texts: dict[str, list[str]] = {}
        for name in raw.named("articles.parquet")[:1]:
            fields, texts, step, more = _articles(raw, name, shown)
            columns, notes, steps = [*columns, *fields], [*notes, *more], [*steps, step]
        for name in [file for vectors in _VECTORS for file in raw.named(vectors)][:1]:
            field, values, lacks = article_vectors(raw, name, shown)
            columns, notes = [*columns, (field, values)], [*notes, *lacks]
        columns.append(categorical("device_type", "context", pd.Series(log.pop("device_type"))))
        size = _SIZES.get(len(impressions), f"{len(impressions):,} impressions")
        label, provided = provenance(raw, f"{self.title} ({size})")
        return Prepared.of(label, len(users), len(shown), columns, log, (*provided, *notes), texts, steps)


def _behaviors(raw: RawFiles) -> tuple[dict[str, np.ndarray], pd.DataFrame, list[str]]:
    """Reads the rows and the impressions, with notes on the parts that were left out."""
    logs, impressions, notes = [], [], []
    types = {
        "impression_id": pa.int64(),
        "user_id": pa.int64(),
        "impression_time": pa.timestamp("s"),
        "article_ids_inview": pa.large_list(pa.int64()),
        "article_ids_clicked": pa.large_list(pa.int64()),
        "device_type": pa.int32(),
        **dict.fromkeys(_PROFILE, pa.int32()),
    }
    for name in raw.named("behaviors.parquet"):
        if "article_ids_clicked" not in parquet_columns(raw, name):
            notes.append(f"{name} does not tell what was clicked, and was left out")
            continue
        part = []
        for table in read_parquet(raw, name, types, missing=("device_type", *_PROFILE)):
            logs.append(_flattened(name, table))
            time = pd.Series(table["impression_time"].cast(pa.int64()).to_numpy(), name="time")
            part.append(table.select(["impression_id", "user_id", *_PROFILE]).to_pandas().join(time))
        if not part:
            raise InputError(f"{name} has no rows: truncated, or another dataset")
        impressions.append(pd.concat(part, ignore_index=True))
        distinct(f"{name}, column impression_id", impressions[-1]["impression_id"].to_numpy(), 2**40)
    if not logs:
        raise InputError(f"{'; '.join(notes)}; a train or validation part is needed")
    log = {key: np.concatenate([part[key] for part in logs]) for key in logs[0]}
    return log, pd.concat(impressions, ignore_index=True), notes


def _flattened(name: str, table: pa.Table) -> dict[str, np.ndarray]:
    """Converts a batch's impressions to rows of user, article, click, time and device."""
    shown, parent = _flat(table["article_ids_inview"])
    clicked, clicker = _flat(table["article_ids_clicked"])
    for article in (shown, clicked):
        conform(f"{name}, articles", article, (article >= 0) & (article <= _LARGEST), "an id, not missing")
    user, time = table["user_id"].to_numpy(), table["impression_time"].cast(pa.int64()).to_numpy()
    conform(f"{name}, column user_id", user, (user >= 0) & (user <= _LARGEST), "an id")
    conform(f"{name}, column impression_time", time, (time > 0) & (time < 2**32), "after 1970")
    click = np.isin(parent * (_LARGEST + 1) + shown, clicker * (_LARGEST + 1) + clicked)
    device = table["device_type"].fill_null(-1).to_numpy()
    return {
        "user": user[parent].astype(np.int32),
        "item": shown.astype(np.int32),
        "click": click.astype(np.uint8),
        "time": time[parent],
        "device_type": device[parent].astype(np.int8),
    }


def _flat(lists: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """The values of all lists, with missing values as -1, and the number of the list that each value is in."""
    whole = lists.combine_chunks()
    return pc.list_flatten(whole).fill_null(-1).to_numpy(), pc.list_parent_indices(whole).to_numpy()


def _reads(raw: RawFiles, users: np.ndarray, start: int) -> np.ndarray:
    """(users,) float32: log(1 + c), where c counts a user's clicks before the log begins."""
    clicks = np.zeros(len(users), np.int64)
    types = {"user_id": pa.int64(), "impression_time_fixed": pa.large_list(pa.timestamp("s"))}
    for name in raw.named("history.parquet"):
        for table in read_parquet(raw, name, types):
            times = table["impression_time_fixed"].combine_chunks()
            early = pc.list_flatten(times).cast(pa.int64()).fill_null(start).to_numpy() < start
            count = np.bincount(pc.list_parent_indices(times).to_numpy()[early], minlength=len(table))
            place = pd.Index(users).get_indexer(table["user_id"].to_numpy())
            np.maximum.at(clicks, place[place >= 0], count[place >= 0])  # a user's histories in several parts overlap
    return np.log1p(clicks).astype(np.float32)


def _articles(
    raw: RawFiles, name: str, shown: np.ndarray
) -> tuple[list[tuple[Field, np.ndarray]], dict[str, list[str]], Step, list[str]]:
    """Builds the fields and texts of the articles that were shown, with a note on articles that lack them."""
    there = parquet_columns(raw, name)
    single = {column: kind for column, kind in _ARTICLE.items() if column in there}
    lists = {column: kind for column, (kind, _) in _LISTS.items() if column in there}
    written = {"title": pa.string()} if "title" in there else {}
    wanted = {"article_id": pa.int64(), **single, **lists, **written}
    parts = [part.to_pandas() for part in read_parquet(raw, name, wanted, missing=tuple(wanted)[1:])]
    table = pd.concat(parts) if parts else pd.DataFrame(columns=list(wanted))
    distinct(f"{name}, column article_id", table["article_id"].to_numpy(np.int64), _LARGEST)
    lacking = ~np.isin(shown, table["article_id"])
    if lacking.all():
        raise InputError(f"{name} has none of the articles of behaviors.parquet; it belongs to other impressions")
    step = Step(f"{name}, articles; those never shown are left out", len(table), int((~lacking).sum()))
    table = table.set_index("article_id").reindex(shown)
    texts = {column: table[column].fillna("").tolist() for column in written}
    fields = [categorical(column, "item", table[column]) for column in single]
    for column in lists:
        words = [[str(word) for word in part] if isinstance(part, np.ndarray) else [] for part in table[column]]
        fields.append(multi(column, "item", words, _LISTS[column][1]))
    for column, lines in texts.items():
        fields.append(multi(column, "item", [_WORD.findall(text.lower()) for text in lines], 15))
    lacks = f"{name} lacks {lacking.sum():,} of {len(shown):,} articles"
    return [field for field in fields if field[0].size], texts, step, [lacks] * bool(lacking.any())
