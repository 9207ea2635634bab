"""The published tables as data."""
