"""The split ``release``: the new items are those first seen from a moment on, and base ends at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from coldbench.core.errors import InputError
from coldbench.data.dataset import Dataset
from coldbench.protocol.shots import cut, ranked
from coldbench.protocol.split import WarmUpSplit

_UNITS = ((10**11, 1), (10**14, 1_000))  # times below the first number are seconds, below the second milliseconds
_FINEST = 1_000_000  # and from there on microseconds


def canonical(at: str) -> str:
    """The standard spelling of a moment: ``0.8`` for a share of the log, ``2001-01-01`` for a date (UTC).

    Raises:
        InputError: It is neither a share between 0 and 1 nor a date.
    """
    share = _share(at)
    if share is not None and 0 < share < 1:
        return repr(share)
    if share is None:
        with suppress(ValueError, OverflowError):
            date = datetime.fromisoformat(at)
            date = date if date.tzinfo is None else date.astimezone(UTC).replace(tzinfo=None)
            return date.isoformat().removesuffix("T00:00:00")
    raise InputError(f"release.at is {at!r}; it should be a date such as 2001-01-01, or a share of the log such as 0.8")


def moment_of(dataset: Dataset, at: str) -> int:
    """The moment in the unit of the dataset's times, such that rows before it have smaller times.

    Args:
        dataset: The log.
        at: A date, or the share of the log's rows before the moment; rows at the same time are never separated.

    Raises:
        InputError: All rows have the same time, or the date is not within the log.
    """
    low, high = int(dataset.time.min()), int(dataset.time.max())
    if low == high:
        raise InputError(
            f"{dataset.name} has the same time in every row, so no item is released later than another; "
            f"use --split frequency"
        )
    share = _share(at)
    if share is not None:
        place = int(share * dataset.rows)
        return int(np.partition(dataset.time, place)[place])
    moment = round(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * _unit(high))
    if not low < moment <= high:
        raise InputError(
            f"release.at is {at}, but {dataset.name} spans {shown(dataset, low)} to {shown(dataset, high)}; "
            f"give a date in between, or a share of the log such as 0.8"
        )
    return moment


def released_after(dataset: Dataset, shares: Sequence[str]) -> list[int]:
    """The number of new items that ``release_split`` would find at each of several moments, without splitting.

    Args:
        dataset: The log.
        shares: The moments, each as the share of the log's rows before it.
    """
    places = [int(float(share) * dataset.rows) for share in shares]
    moments = np.partition(dataset.time, places)[places]
    first = np.full(dataset.schema.items, np.iinfo(np.int64).max)
    np.minimum.at(first, dataset.item, dataset.time.astype(np.int64, copy=False))
    counts = np.bincount(dataset.item, minlength=dataset.schema.items)
    first = first[counts > 3 * dataset.k]
    return [int((first >= moment).sum()) for moment in moments]


def shown(dataset: Dataset, moment: int) -> str:
    """A moment of the log as a date and time in UTC, to the second; as a plain number where it is no date."""
    seconds = moment // _unit(int(dataset.time.max()))
    try:
        return str(datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None))
    except (ValueError, OverflowError, OSError):
        return str(moment)


def release_split(dataset: Dataset, at: str, shots: tuple[int, ...] = ()) -> WarmUpSplit:
    """Splits a dataset at a moment.

    Args:
        dataset: The log.
        at: The moment, as in ``moment_of``.
        shots: The evaluation points (``shots.phase_names``).

    Raises:
        InputError: There are no rows before the moment, no new items with test rows, or no usable times.
    """
    moment = moment_of(dataset, at)
    split = _split_at(dataset, moment, shots)
    if not len(split.base) or not len(split.test):
        raise InputError(
            f"{dataset.name} split at {at} ({shown(dataset, moment)}) has {len(split.base)} base rows and "
            f"{len(split.new_items)} items first seen later with more than 3 K = {3 * dataset.k} interactions; "
            f"give another moment or a smaller K"
        )
    return split


def pseudo_released_split(dataset: Dataset, at: str, shots: tuple[int, ...] = ()) -> WarmUpSplit:
    """Splits base in the same way at an earlier moment, to choose hyper-parameters.

    The pseudo-new items are old items. The share of base before the earlier moment is that of the log before the
    moment. No row from the moment on is part of this split.

    Raises:
        InputError: The dataset cannot be split, or no old item is first seen late enough to be treated as new.
    """
    tested = len(release_split(dataset, at, shots).new_items)
    moment = moment_of(dataset, at)
    before = np.sort(dataset.time[dataset.time < moment])
    earlier = int(before[len(before) * len(before) // dataset.rows])
    split = _split_at(dataset, earlier, shots, until=moment)
    if not len(split.base) or not len(split.test):
        raise InputError(
            f"{dataset.name} split at {at} has no old items with more than 3 K = {3 * dataset.k} interactions that are "
            f"first seen from {shown(dataset, earlier)} on, which tuning treats as new; give a later moment or a "
            f"smaller K"
        )
    scale = len(split.new_items) / tested
    return replace(split, known=np.flatnonzero(dataset.time < moment), batch_scale=scale)


def _split_at(dataset: Dataset, moment: int, shots: tuple[int, ...], until: int | None = None) -> WarmUpSplit:
    """Splits at a moment the rows before ``until``, or all rows."""
    early = dataset.time < moment
    used = np.ones(dataset.rows, dtype=bool) if until is None else dataset.time < until
    counts = np.bincount(dataset.item[used], minlength=dataset.schema.items)
    old = np.bincount(dataset.item[early], minlength=dataset.schema.items) > 0
    new = ~old & (counts > 3 * dataset.k)
    return WarmUpSplit(
        base=np.flatnonzero(early),
        **cut(dataset, *ranked(dataset, used & new[dataset.item]), shots),
        old_items=np.flatnonzero(old),
        new_items=np.flatnonzero(new),
        discarded_items=np.flatnonzero(~old & ~new & (counts > 0)),
    )


def _share(at: str) -> float | None:
    """The number that a moment is written as; None if it is no number."""
    try:
        return float(at)
    except ValueError:
        return None


def _unit(latest: int) -> int:
    """The number of the log's units of time per second, by the size of its latest time."""
    return next((unit for limit, unit in _UNITS if latest < limit), _FINEST)
