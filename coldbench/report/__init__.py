"""Turns the records of a run into a report: analysis, tables, figures, a page and LaTeX."""
