"""Check that every link of the built site leads to a page, a picture or a heading of it.

usage: python scripts/site_links.py FOLDER

Links to elsewhere are not followed. This needs nothing but Python.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """A page's links, and the names that links can lead to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.names.add(value)
            elif (tag, name) in (("a", "href"), ("img", "src"), ("link", "href")) and value:
                self.links.append(value)


page = cache(Page)


def broken(root: Path) -> Iterator[str]:
    """Return the links of a site's pages that lead nowhere, a line each."""
    for path in sorted(root.rglob("*.html")):
        for link in sorted(set(page(path).links)):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                yield f"{path.relative_to(root)}: {link}: no such file"
            elif parts.fragment and unquote(parts.fragment) not in page(target).names:
                yield f"{path.relative_to(root)}: {link}: no such heading"


if __name__ == "__main__":
    site = Path(sys.argv[1]).resolve()
    if not (site / "index.html").exists():
        sys.exit(f"{site} is no site: it has no index.html")
    sys.exit("\n".join(broken(site)) or None)
