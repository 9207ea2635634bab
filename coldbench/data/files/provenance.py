"""PROVENANCE.txt: what a bundle of raw files says about itself."""

from __future__ import annotations

import re

from coldbench.data.files.raw import RawFiles


def provenance(raw: RawFiles, label: str) -> tuple[str, tuple[str, ...]]:
    """The label and notes of raw files that come with a PROVENANCE.txt.

    Such a file tells how the files differ from the published ones, and may ask to have results
    ``labelled "SOMETHING"``; both are kept.

    Returns:
        The label that tables are to show, and the notes.
    """
    if "PROVENANCE.txt" not in raw:
        return label, ()
    text = " ".join(raw.read("PROVENANCE.txt").decode("utf-8", "replace").split())
    asked = re.search(r'labelled\s+"([^"]{1,80})"', text)
    return (asked.group(1) if asked else f"{label} (not as published)"), (text,)
