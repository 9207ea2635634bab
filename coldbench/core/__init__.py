"""Shared foundations: errors, configurations, search spaces, seeds and storage."""
