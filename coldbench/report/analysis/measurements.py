"""Everything that the records hold, as one table of means over seeds."""

from __future__ import annotations

import pandas as pd

from coldbench.protocol.metrics import METRICS
from coldbench.report.analysis.frame import phases
from coldbench.report.analysis.names import method_order
from coldbench.report.analysis.table import Cell, Table, number

_COLUMNS = {  # of the frame -> header and format
    **{name: (metric.title, metric.form) for name, metric in METRICS.items()},
    "sliced_wasserstein": ("gap: sliced Wasserstein", ".4f"),
    "mmd_squared": ("gap: MMD²", ".4f"),
    "steps": ("optimiser steps", ",.0f"),
    "seconds": ("seconds", ",.1f"),
}


def measurements(frame: pd.DataFrame) -> Table:
    """Means over seeds, one row per dataset, protocol, backbone, method and phase.

    Args:
        frame: A run's whole frame (``frame.tidy``); a dataset or protocol that is the only one has no column.
    """
    keys = [key for key in ("dataset", "protocol") if frame[key].nunique() > 1] + ["backbone", "method", "phase"]
    columns = [name for name in _COLUMNS if name in frame]
    methods = {method: place for place, method in enumerate(sorted(frame["method"].unique(), key=method_order))}
    places = {"method": methods, "phase": {phase: place for place, phase in enumerate(phases(frame))}}
    for key in ("dataset", "protocol"):
        places[key] = {label: place for place, label in enumerate(frame[key].unique())}
    means = frame.groupby(keys, sort=False)[columns].mean().reset_index()
    means = means.sort_values(keys, key=lambda column: column.map(places.get(str(column.name), lambda value: value)))
    rows = [
        [*(Cell(str(line[key])) for key in keys), *(number(float(line[name]), _COLUMNS[name][1]) for name in columns)]
        for _, line in means.iterrows()
    ]
    return Table("All measurements", [*keys, *(_COLUMNS[name][0] for name in columns)], len(keys), rows)
