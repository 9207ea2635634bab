"""The splits: each decides which items are new and which rows are base, and how validation imitates that."""

from __future__ import annotations

from dataclasses import dataclass

from coldbench.data.dataset import Dataset
from coldbench.protocol.release import canonical, pseudo_released_split, release_split
from coldbench.protocol.split import WarmUpSplit, pseudo_cold_split, warm_up_split


@dataclass(frozen=True)
class Split:
    """Base class of the splits."""

    def divide(self, dataset: Dataset, shots: tuple[int, ...] = ()) -> WarmUpSplit:
        """Splits a dataset.

        Args:
            dataset: The log.
            shots: The evaluation points (``shots.phase_names``).

        Raises:
            InputError: The split does not suit the dataset.
        """
        raise NotImplementedError

    def validation(self, dataset: Dataset, shots: tuple[int, ...], *seed: object) -> WarmUpSplit:
        """Splits a dataset to choose hyper-parameters, without any row of the new items.

        Args:
            dataset: The log.
            shots: The evaluation points (``shots.phase_names``).
            *seed: Seeds the choice of pseudo-cold items, where it is a random one.

        Raises:
            InputError: The dataset cannot be split, or too few old items can be treated as new.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Frequency(Split):
    """The published split: items with more than N interactions are old, those with 3 K to N are new."""

    def divide(self, dataset: Dataset, shots: tuple[int, ...] = ()) -> WarmUpSplit:
        """Splits a dataset by its N and K."""
        return warm_up_split(dataset, shots)

    def validation(self, dataset: Dataset, shots: tuple[int, ...], *seed: object) -> WarmUpSplit:
        """Treats a fifth of the old items, drawn by the seed, as new."""
        return pseudo_cold_split(dataset, *seed, shots=shots)


@dataclass(frozen=True)
class Release(Split):
    """Items first seen from a moment on are new, and base ends at that moment."""

    at: str = "0.8"  # the moment: a date such as 2001-01-01, or the share of the log before it

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", canonical(self.at))

    def divide(self, dataset: Dataset, shots: tuple[int, ...] = ()) -> WarmUpSplit:
        """Splits a dataset at the moment."""
        return release_split(dataset, self.at, shots)

    def validation(self, dataset: Dataset, shots: tuple[int, ...], *seed: object) -> WarmUpSplit:
        """Splits base at an earlier moment."""
        return pseudo_released_split(dataset, self.at, shots)


SPLITS: dict[str, type[Split]] = {"frequency": Frequency, "release": Release}
