"""Foundations: errors, configurations, search spaces, seeds, storage."""
