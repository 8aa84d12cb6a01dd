"""Raise the upper bounds of Metaflow, Ray and rpy2-rinterface to admit releases that work.

usage: bounds.py                   print the releases that are installed: metaflow=2.19.39 ...
       bounds.py NAME=VERSION...   raise the bounds to admit these

python/pyproject.toml says what the bounds are for.
"""

import re
import sys
from importlib import metadata

import requirements

ROOT = requirements.PATH.parents[1]
FILES = (
    "python/pyproject.toml",
    "R/python-versions.R",
    "docker/requirements.in",
    "docker/rpy2.in",
)


def main(works: list[str]) -> None:
    document = requirements.tomllib.loads(requirements.PATH.read_text())
    bounded = document["tool"]["gangway"]["bounded"]
    if not works:
        print(*(f"{name}={metadata.version(name)}" for name in bounded))
    for name, version in (release.split("=") for release in works):
        first, second = requirements.numbers(version)[:2]
        for file in FILES:
            raise_bound(file, name, f"{first}.{second + 1}")


def raise_bound(file: str, name: str, bound: str) -> bool:
    """Whether the file has had a lower one."""
    path = ROOT / file
    old = path.read_text()

    def replaced(match: re.Match[str]) -> str:
        higher = requirements.numbers(bound) > requirements.numbers(match[2])
        return match[1] + (bound if higher else match[2])

    # ray>=2.52,<2.61  ray[default]>=2.52,<2.61  ray = ">=2.52,<2.61"
    new = re.sub(rf"""(\b{name}(?:\[[a-z,]*\])?"?(?: = ")?>=[0-9.]+,<)([0-9.]+)""", replaced, old)
    path.write_text(new)
    return new != old


if __name__ == "__main__":
    main(sys.argv[1:])
