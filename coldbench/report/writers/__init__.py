"""Findings to Markdown, LaTeX, CSV and HTML."""
