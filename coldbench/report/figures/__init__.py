"""A tidy frame -> figures, one file each."""
