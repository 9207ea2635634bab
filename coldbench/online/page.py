"""The re-ranking stage: a page of the best items with a limit per category."""

from __future__ import annotations

import numpy as np


def spread(items: np.ndarray, kinds: np.ndarray, page: int, alike: int) -> np.ndarray:
    """Fills pages from the top, with at most ``alike`` items of one category while others are left.

    Args:
        items: (requests, ranked) items from best to worst; -1 for none.
        kinds: (requests, ranked) the category of each item.
        page: Items per page.
        alike: Items of one category per page.

    Returns:
        (requests, page) items; -1 where too few are left.
    """
    width = items.shape[1]
    chosen = np.zeros(items.shape, dtype=bool)
    for place in range(width):
        same = (kinds[:, :place] == kinds[:, place, None]) & chosen[:, :place]
        free = chosen[:, :place].sum(1) < page
        chosen[:, place] = (same.sum(1) < alike) & free & (items[:, place] >= 0)
    order = np.argsort(np.where(chosen, 0, width) + np.where(items >= 0, 0, 2 * width) + np.arange(width), 1)
    order = np.sort(order[:, :page], 1)  # an item that fills a page up keeps its place among the others
    pages = np.take_along_axis(items, order, 1)
    return np.take_along_axis(pages, np.argsort(pages < 0, 1, kind="stable"), 1)
