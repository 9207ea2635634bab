"""``Settings``: the training settings that all methods of a comparison share."""

from __future__ import annotations

from dataclasses import dataclass

from coldbench.core.space import Count, Rate, Weight


@dataclass(frozen=True)
class Settings:
    """Training settings (AVAEW, section 3.1; weight decay from the code that produced its tables)."""

    learning_rate: Rate = 1e-3  # of Adam, unless a method sets its own
    weight_decay: Weight = 1e-6  # L2, inside Adam
    batch_size: Count = 2048  # rows per batch
    pretrain_epochs: Count = 1  # passes over base, all parameters
    lazy_rows: Count = 30_000  # tables with more rows are updated lazily: a step then costs only the rows it touches
