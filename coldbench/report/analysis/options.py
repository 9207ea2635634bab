"""Options of a report: the metric, the reference and the level of the tests."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from coldbench.core.errors import InputError, unknown
from coldbench.protocol.metrics import METRICS
from coldbench.significance import MARGIN


@dataclass(frozen=True)
class ReportOptions:
    """Options of a report.

    Attributes:
        metric: The name of one of ``METRICS``.
        reference: The method that the others are tested against; None for the best one of each column.
        alpha: The level of the tests; 1 - alpha is the level of the intervals.
        margin: The largest difference that does not matter, in the metric's unit: methods that differ by less are
            practically equal.
    """

    metric: str = "auc"
    reference: str | None = None
    alpha: float = 0.05
    margin: float = MARGIN

    @property
    def title(self) -> str:
        """What tables call the metric."""
        return METRICS[self.metric].title

    @property
    def higher_is_better(self) -> bool:
        """The metric's direction."""
        return METRICS[self.metric].higher_is_better

    @property
    def level(self) -> str:
        """The level of the intervals: ``95 %``."""
        return f"{100 * (1 - self.alpha):g} %"

    def check(self, frame: pd.DataFrame) -> None:
        """Checks the options against a run's results.

        Args:
            frame: A row per cell and phase (``frame.tidy``).

        Raises:
            InputError: The metric or the reference is unknown or not in the results, alpha is not in (0, 1), or the
                margin is not positive.
        """
        if self.metric not in METRICS:
            raise unknown("metric", self.metric, METRICS)
        if self.metric not in frame:
            asked = METRICS[self.metric].asked
            why = f"run it again with --metrics {asked}" if asked else "it was computed by another version"
            raise InputError(f"no record of this run holds {self.metric}; {why}")
        if not 0 < self.alpha < 1:
            raise InputError(f"--alpha {self.alpha:g} should be between 0 and 1, such as 0.05")
        if not 0 < self.margin < math.inf:
            raise InputError(f"--margin {self.margin:g} should be a positive number, such as {MARGIN}")
        if self.reference is not None and self.reference not in set(frame["method"]):
            raise unknown("reference method", self.reference, frame["method"].unique())
