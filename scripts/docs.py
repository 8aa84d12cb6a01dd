"""Check the documents: links and names of files lead somewhere, and lines are not too long.

usage: python scripts/docs.py [FILE...]     all documents without a file

Lines have at most 100 characters, except those of tables, code, and one long link; the address of
the repository does not count. A file's name is one in backquotes with a folder in it, seen from the
repository or from the Python core. A vignette names other vignettes as they are when built
(`ray.html`), and files of the repository by their address. This needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 100
CORE = ROOT / "python/metaflow_extensions/gangway"
LINK = re.compile(r"\]\(([^)\s]+)\)")
BLOB = re.compile(r"https://github\.com/[\w.-]+/gangway/blob/main/")
FILE = re.compile(r"`([\w.*-]+/[\w./*-]*\.(?:py|R|c|sh|txt|json|yml|md))`")


def documents() -> list[Path]:
    """Return the documents that people read in the repository."""
    hidden = [*ROOT.glob(".github/*.md")]
    pages = ("*.md", "docs/*.md", "vignettes/*.Rmd")
    return sorted([*(path for page in pages for path in ROOT.glob(page)), *hidden])


def unfenced(text: str) -> Iterator[tuple[int, str]]:
    """Return the lines that are no code, with their numbers."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, line


def anchors(path: Path) -> set[str]:
    """Return the fragments that a document's headings make, where GitHub and pandoc agree."""
    headings = [
        line.lstrip("#") for _, line in unfenced(path.read_text("utf-8")) if line[:1] == "#"
    ]
    by_github = {re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in headings}
    if path.suffix == ".md":
        return by_github
    letters = (re.sub(r"^[^a-z]+", "", h.strip().lower()) for h in headings)
    return by_github & {re.sub(r"[^\w\-. ]", "", h).replace(" ", "-") for h in letters}


def broken(target: str, page: Path) -> str | None:
    """Why a link of a page leads nowhere, or None."""
    in_repository = BLOB.match(target)
    if re.match(r"[a-z]+:", target) and not in_repository:
        return None
    file, _, fragment = BLOB.sub("", target).partition("#")
    if page.suffix == ".Rmd" and file.endswith(".html"):
        file = file.removesuffix("html") + "Rmd"
    path = ((ROOT if in_repository else page.parent) / file).resolve() if file else page
    if not path.exists():
        return f"{target}: no such file"
    if fragment and path.suffix in (".md", ".Rmd") and fragment not in anchors(path):
        return f"{target}: no such heading"
    return None


def problems(page: Path) -> Iterator[str]:
    """Return what is wrong with a document, a line each."""
    text = page.read_text("utf-8")
    name = page.relative_to(ROOT) if page.is_relative_to(ROOT) else page
    for number, line in unfenced(text):
        one_word = re.fullmatch(r"\s*[-*]?\s*\S+", line)
        if len(BLOB.sub("", line)) > WIDTH and not line.startswith("|") and not one_word:
            yield f"{name}:{number}: {len(line)} characters, and {WIDTH} are allowed"
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if why := broken(target, page):
                yield f"{name}:{number}: {why}"
        for file in FILE.findall(line):
            if not any(list(folder.glob(file)) for folder in (ROOT, CORE)):
                yield f"{name}:{number}: {file}: no such file"


if __name__ == "__main__":
    pages = [Path(file).resolve() for file in sys.argv[1:]] or documents()
    found = [problem for page in pages for problem in problems(page)]
    sys.exit("\n".join(found) or None)
