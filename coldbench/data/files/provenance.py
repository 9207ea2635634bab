"""PROVENANCE.txt: the description that may come with a bundle of raw files."""

from __future__ import annotations

import re

from coldbench.data.files.raw import RawFiles

PROVENANCE = "PROVENANCE.txt"


def provenance(raw: RawFiles, label: str) -> tuple[str, tuple[str, ...]]:
    """Reads the label and notes of raw files from their PROVENANCE.txt, if there is one.

    Such a file says how the raw files differ from the published ones, and may ask for results to be
    ``labelled "SOMETHING"``; both are used.

    Returns:
        The label for tables, and a note with the file's text.
    """
    if PROVENANCE not in raw:
        return label, ()
    text = " ".join(raw.read(PROVENANCE).decode("utf-8", "replace").split())
    asked = re.search(r'labelled\s+"([^"]{1,80})"', text)
    return (asked.group(1) if asked else f"{label} (not as published)"), (f"{PROVENANCE}: {text}",)
