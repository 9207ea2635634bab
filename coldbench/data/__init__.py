"""Reads raw files into a ``Dataset``: the schema, file readers, declared tables, checks and the cache."""
