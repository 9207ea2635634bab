"""Is a difference real? Tests, intervals, corrections and effect sizes: pure functions of arrays.

Which of them the tables use, for what, and how each was calibrated: docs/statistics.md.
"""

from coldbench.significance.corrections import benjamini_hochberg, holm
from coldbench.significance.correlated import DeLong, delong
from coldbench.significance.effects import Effect, effect
from coldbench.significance.items import ItemBootstrap, bootstrap_aucs, item_bootstrap
from coldbench.significance.paired import FEWEST, IDENTICAL, Paired, mean_interval, paired_t, wilcoxon, wilcoxon_needs
from coldbench.significance.ranking import Friedman, friedman, friedman_needs

__all__ = [
    "FEWEST",
    "IDENTICAL",
    "DeLong",
    "Effect",
    "Friedman",
    "ItemBootstrap",
    "Paired",
    "benjamini_hochberg",
    "bootstrap_aucs",
    "delong",
    "effect",
    "friedman",
    "friedman_needs",
    "holm",
    "item_bootstrap",
    "mean_interval",
    "paired_t",
    "wilcoxon",
    "wilcoxon_needs",
]
