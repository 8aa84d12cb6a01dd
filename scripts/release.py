"""What a tag's release says: print the version's part of NEWS.md, if every file has that version.

usage: python scripts/release.py v0.1.0

In a workflow on GitHub, DESCRIPTION must also name the repository that the workflow runs in. Needs
nothing but Python.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Every place that names the version; the first is what the others are compared with.
VERSIONS = {
    "DESCRIPTION": r"^Version: (\S+)$",
    "python/pyproject.toml": r'^version = "(.+)"$',
    "CITATION.cff": r"^version: (\S+)$",
    "python/metaflow_extensions/gangway/toplevel/names.py": r'^__version__ = "(.+)"$',
    "NEWS.md": r"^# gangway (\S+)$",
}
REPOSITORIES = {
    "DESCRIPTION": r"^URL: https://github\.com/(\S+)$",
    "python/pyproject.toml": r'^Repository = "https://github\.com/(\S+)"$',
}


def first(file: str, pattern: str) -> str:
    """Return what a file says first where a pattern matches."""
    found = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.M)
    return found[1] if found else "nothing"


def problems(tag: str, repository: str | None = None) -> list[str]:
    """Return what keeps a tag from being released, a line each."""
    version = tag.removeprefix("v")
    found = [
        f"{file} has version {has}, and the tag is {tag}"
        for file, pattern in VERSIONS.items()
        if (has := first(file, pattern)) != version
    ]
    if repository is not None:
        found += [
            f"{file} names the repository {has}, and this is {repository}"
            for file, pattern in REPOSITORIES.items()
            if (has := first(file, pattern)) != repository
        ]
    return found


def placeholders() -> list[str]:
    """Return what still stands for something else, a line each."""
    address = first("DESCRIPTION", r'email = "(.+?)"')
    return [f"DESCRIPTION names {address}, which nobody reads"] if ".example" in address else []


def notes() -> str:
    """Return the newest version's part of NEWS.md, without its heading."""
    news = (ROOT / "NEWS.md").read_text(encoding="utf-8")
    return re.split(r"^# .*\n", news, flags=re.M)[1].strip()


if __name__ == "__main__":
    repository = os.environ.get("GITHUB_REPOSITORY")
    wrong = problems(sys.argv[1], repository) + (placeholders() if repository else [])
    if wrong:
        sys.exit("\n".join(["This tag cannot be released:", *wrong]))
    print(notes())
