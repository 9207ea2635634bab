"""The warm-up protocols: the split of a log, the phases, and the metrics measured after each phase."""
