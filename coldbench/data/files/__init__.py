"""Readers of raw files: archives, delimited text, downloads."""
