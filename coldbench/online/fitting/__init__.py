"""Truths fitted on a real log, by models of other families than any backbone, and the card of how well they fit."""
