"""Taobao-Ad, the Ad Display/Click Data on Taobao.com (Alibaba 2018, tianchi.aliyun.com/dataset/56): 8 days of ads.

The log has 26,557,961 impressions. Users without a profile and missing values get an index of their own. The price is
replaced by its logarithm, because the largest price, 99,999,999, would squeeze all others to zero in scaling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from coldbench.plugin import (
    Count,
    Field,
    FileSource,
    Prepared,
    Publication,
    RawFiles,
    Shots,
    Step,
    categorical,
    codes,
    column,
    conform,
    distinct,
    provenance,
    read_csv,
    renumbered,
)

_PROFILE = (
    "cms_segid",
    "cms_group_id",
    "final_gender_code",
    "age_level",
    "pvalue_level",
    "shopping_level",
    "occupation",
    "new_user_class_level",
)
_AD = ("cate_id", "campaign_id", "customer", "brand")


@dataclass(frozen=True)
class Config(Shots):
    """The split (AVAEW, section 3.1)."""

    n: Count = 2000  # items with more interactions than this are old
    k: Count = 500  # interactions of a new item in each warm-up phase


class TaobaoAd(FileSource):
    """A folder with the three files, plain or as the published .tar.gz, or one zip of them."""

    key = "taobao-ad"
    title = "Taobao-Ad"
    files = ("raw_sample.csv", "ad_feature.csv", "user_profile.csv")
    archives = ("taobao-ad.zip", "taobao-ad")
    version = "1"
    largest = 2**31
    published = Publication(
        page="https://tianchi.aliyun.com/dataset/56",
        licence="Alibaba's terms stand on that page, which asks for a login.",
    )
    label_rule = "The log's own column clk: the ad was clicked."
    traps = (
        "Some users have no profile; each of their fields has a value that says so.",
        "The largest price, 99,999,999, is a placeholder; prices enter by their logarithm.",
        "Eight days are short: an ad that is new here may have been old before.",
    )
    published_rows = {"raw_sample.csv": 26_557_961, "ad_feature.csv": 846_811, "user_profile.csv": 1_061_768}

    def read(self, raw: RawFiles) -> Prepared:
        """Reads the three files, each of which must have the published number of rows."""
        interactions, place, users, shown = self._log(raw)
        profiles, ads, rows = self._profiles(raw), self._ads(raw), len(interactions["item"])
        steps = (
            Step("raw_sample.csv, impressions", rows, rows),
            Step("user_profile.csv, users; those without impressions are left out", *_common(profiles, users)),
            Step("ad_feature.csv, ads; those never shown are left out", *_common(ads, shown)),
        )
        profiles = profiles.reindex(users)
        where = "raw_sample.csv, column adgroup_id"
        self.known(where, ads.index.to_numpy(), shown, interactions["item"], "ad_feature.csv")
        ads = ads.reindex(shown)
        price = ads["price"].fillna(ads["price"].median())
        columns = [
            categorical("user_id", "user", pd.Series(users)),
            *(categorical(name, "user", profiles[name]) for name in _PROFILE),
            *(categorical(name, "item", ads[name]) for name in _AD),
            (Field("price", "numeric", "item"), np.log1p(price.to_numpy(np.float32))),
            place,
        ]
        label, notes = provenance(raw, self.title)
        return Prepared.of(label, len(users), len(ads), columns, interactions, notes, steps=steps)

    def _log(self, raw: RawFiles) -> tuple[dict[str, np.ndarray], tuple[Field, np.ndarray], np.ndarray, np.ndarray]:
        """Reads the interactions, the place where each was shown, and the ids of their users and ads."""
        name = "raw_sample.csv"
        kinds = {
            "user": pa.int32(),
            "time_stamp": pa.int64(),
            "adgroup_id": pa.int32(),
            "pid": pa.dictionary(pa.int32(), pa.string()),
            "nonclk": pa.int8(),
            "clk": pa.int8(),
        }
        table = read_csv(raw, name, kinds)
        self.count(name, table.num_rows)
        users, user = renumbered(f"{name}, column user", column(table, "user"))
        ads, item = renumbered(f"{name}, column adgroup_id", column(table, "adgroup_id"))
        places, pid = codes(table, "pid")
        click, other, time = column(table, "clk"), column(table, "nonclk"), column(table, "time_stamp")
        conform(f"{name}, column clk", click, (click == 0) | (click == 1), "0 or 1")
        conform(f"{name}, column nonclk", other, other == 1 - click, "1 - clk")
        conform(f"{name}, column time_stamp", time, (time > 0) & (time < 2**31), "seconds since 1970")
        log = {"user": user, "item": item, "click": click.astype(np.uint8), "time": time}
        return log, (Field("pid", "categorical", "context", len(places)), pid), users, ads

    def _profiles(self, raw: RawFiles) -> pd.DataFrame:
        """Reads the profiles, indexed by user id; missing values are NaN."""
        name = "user_profile.csv"
        kinds = dict.fromkeys(("userid", *_PROFILE), pa.int32())
        table = read_csv(raw, name, kinds, missing=_PROFILE)
        self.count(name, table.num_rows)
        distinct(f"{name}, column userid", column(table, "userid"))
        return table.to_pandas().set_index("userid")

    def _ads(self, raw: RawFiles) -> pd.DataFrame:
        """Reads the ads, indexed by ad id; missing values are NaN."""
        name = "ad_feature.csv"
        kinds = dict.fromkeys(("adgroup_id", *_AD), pa.int32()) | {"price": pa.float64()}
        table = read_csv(raw, name, kinds, missing=("brand",), nulls=("", "NULL"))
        self.count(name, table.num_rows)
        distinct(f"{name}, column adgroup_id", column(table, "adgroup_id"))
        price = column(table, "price")
        conform(f"{name}, column price", price, (price >= 0) & np.isfinite(price), "at least 0")
        return table.to_pandas().set_index("adgroup_id")


def _common(table: pd.DataFrame, ids: np.ndarray) -> tuple[int, int]:
    """The number of a table's rows, and of those that are in the log."""
    return len(table), int(np.isin(table.index, ids).sum())
