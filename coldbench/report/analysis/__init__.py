"""Records to findings: frames, tests, entries of tables."""
