"""Mend and check the links of the built site: each leads to a page, a picture or a heading of it.

usage: python scripts/site_links.py FOLDER

README and the other documents name files as they lie in the repository. Where the site has the
page, the link is changed to it, else to the file on GitHub. Links to elsewhere are not followed.
This needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
FILE = re.compile(
    r"""(?<=href=")(?![a-z]+:)(?:\.\./)*((?:docs|vignettes)/[\w./-]+|\w+)\.(html|md|Rmd)"""
)
# pkgdown names a parent's methods without their class, and has them with it.
METHOD = re.compile(r"(?<=href=['\"])(\w+)\.html#method-(?!\1)")


def mend(text: str, blob: str) -> str:
    """Return a page of the site with links to where the repository's files are shown."""

    def leads_to(found: re.Match[str]) -> str:
        stem, suffix = found.groups()
        if stem == "NEWS":
            return "news/index.html"
        if stem.startswith("vignettes/"):
            return f"articles/{stem.removeprefix('vignettes/')}.html"
        if stem.startswith("docs/"):  # pkgdown has made .html of some
            return f"{blob}{stem}.md"
        return f"{stem}.{suffix}"

    return METHOD.sub(r"\1.html#method-\1-", FILE.sub(leads_to, text))


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
    described = (ROOT / "DESCRIPTION").read_text("utf-8")
    blob = re.findall(r"^URL: (\S+?),?$", described, re.M)[0] + "/blob/main/"
    for made in [*site.glob("*.html"), *site.glob("reference/*.html")]:
        made.write_text(mend(made.read_text("utf-8"), blob), "utf-8")
    sys.exit("\n".join(broken(site)) or None)
