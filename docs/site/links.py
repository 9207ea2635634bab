"""A hook of mkdocs: links to files outside docs/ lead to copies of them in the site."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.structure.files import File

_OUTSIDE = re.compile(r"\]\(\.\./(results/[^)#]*\.md)")


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages of results/ that a page of docs/ links to."""
    pages = [file for file in files.documentation_pages() if file.abs_src_path]
    linked = {name for page in pages for name in _OUTSIDE.findall(page.content_string)}
    for name in sorted(linked):
        with open(name, encoding="utf-8") as file:
            files.append(File.generated(config, name, content=_alone(file.read())))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Leads a link to results/ to the copy of its page."""
    return _OUTSIDE.sub(r"](\1", markdown)


def _alone(markdown: str) -> str:
    """The text of a page without its links to neighbours that the site does not hold."""
    return re.sub(r"\[([^\]]*)\]\((?!https?://)[^)]*\)", r"\1", markdown)
