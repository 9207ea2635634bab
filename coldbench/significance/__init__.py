"""Is a difference real? Tests, intervals, corrections, effect sizes and plans: pure functions of arrays.

Which of them the tables use, for what, and how each was calibrated: docs/statistics.md.
"""

from coldbench.significance.corrections import benjamini_hochberg, holm
from coldbench.significance.correlated import DeLong, delong
from coldbench.significance.crossed import Crossed, crossed
from coldbench.significance.effects import Effect, effect
from coldbench.significance.equivalence import (
    BETTER,
    EQUAL,
    MARGIN,
    UNDECIDED,
    WORSE,
    Equivalence,
    equivalence,
    verdict,
)
from coldbench.significance.items import ItemBootstrap, bootstrap_aucs, item_bootstrap
from coldbench.significance.outliers import COLLAPSED, collapse
from coldbench.significance.paired import FEWEST, IDENTICAL, Paired, mean_interval, paired_t, wilcoxon, wilcoxon_needs
from coldbench.significance.planning import power_to_detect, power_to_equate, seeds_to_detect, seeds_to_equate
from coldbench.significance.ranking import FEWEST_BLOCKS, FEWEST_METHODS, Friedman, friedman, friedman_needs

__all__ = [
    "BETTER",
    "COLLAPSED",
    "EQUAL",
    "FEWEST",
    "FEWEST_BLOCKS",
    "FEWEST_METHODS",
    "IDENTICAL",
    "MARGIN",
    "UNDECIDED",
    "WORSE",
    "Crossed",
    "DeLong",
    "Effect",
    "Equivalence",
    "Friedman",
    "ItemBootstrap",
    "Paired",
    "benjamini_hochberg",
    "bootstrap_aucs",
    "collapse",
    "crossed",
    "delong",
    "effect",
    "equivalence",
    "friedman",
    "friedman_needs",
    "holm",
    "item_bootstrap",
    "mean_interval",
    "paired_t",
    "power_to_detect",
    "power_to_equate",
    "seeds_to_detect",
    "seeds_to_equate",
    "verdict",
    "wilcoxon",
    "wilcoxon_needs",
]
