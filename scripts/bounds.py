"""Raise the upper bounds of Metaflow, Ray and rpy2-rinterface to admit what is installed.

usage: bounds.py     In the environment that the tests have passed in with the newest releases.

Prints what it raises, one a line. python/pyproject.toml says what the bounds are for.
"""

import re
from importlib import metadata

import requirements

ROOT = requirements.PATH.parents[1]
FILES = (
    "python/pyproject.toml",
    "R/python-versions.R",
    "docker/requirements.in",
    "docker/rpy2.in",
)


def main() -> None:
    document = requirements.tomllib.loads(requirements.PATH.read_text())
    for name in document["tool"]["gangway"]["bounded"]:
        version = metadata.version(name)
        first, second = requirements.numbers(version)[:2]
        bound = f"{first}.{second + 1}"
        if any([raise_bound(file, name, bound) for file in FILES]):
            print(f"{name} {version}: below {bound}")


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
    main()
