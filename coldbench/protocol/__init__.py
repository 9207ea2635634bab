"""The split of a log, the phases of a warm-up and what is measured after each."""
