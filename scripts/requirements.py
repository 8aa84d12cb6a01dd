"""Print the Python packages that python/pyproject.toml names, one a line.

usage: requirements.py [--newest=KIND] EXTRA_OR_GROUP...
           The core's own dependencies, and those of the extras and groups that are named
           (``[project.optional-dependencies]``, ``[dependency-groups]``). With --newest also
           releases that gangway has not been tried with; KIND is releases or pre-releases.
       requirements.py --constraints R=VERSION reticulate=VERSION
           What these versions allow.
"""

import operator
import re
import sys
from pathlib import Path
from typing import Any

try:
    import tomllib
except ImportError:  # Python 3.10: pip brings the same parser
    from pip._vendor import tomli as tomllib

PATH = Path(__file__).resolve().parent.parent / "python" / "pyproject.toml"


def main(arguments: list[str]) -> None:
    document = tomllib.loads(PATH.read_text())
    if arguments[:1] == ["--constraints"]:
        lines = constraints(document, dict(a.split("=", 1) for a in arguments[1:]))
    else:
        kinds = [a.removeprefix("--newest=") for a in arguments if a.startswith("--newest=")]
        lines = requirements(document, [a for a in arguments if not a.startswith("--")])
        if kinds:
            lines = [
                newest(line, kinds[0], document["tool"]["gangway"]["bounded"]) for line in lines
            ]
    print("\n".join(lines))


def requirements(document: dict[str, Any], names: list[str]) -> list[str]:
    project = document["project"]
    sections = {**project.get("optional-dependencies", {}), **document.get("dependency-groups", {})}
    return sum((sections[name] for name in names), list(project["dependencies"]))


def constraints(document: dict[str, Any], versions: dict[str, str]) -> list[str]:
    found = []
    for line in document["tool"]["gangway"]["constraints"]:
        constraint, condition = line.split("; ")
        name, sign, version = condition.split()
        holds = {"<": operator.lt, ">=": operator.ge}[sign]
        if holds(numbers(versions[name]), numbers(version)):
            found.append(constraint)
    return found


def newest(line: str, kind: str, bounded: list[str]) -> str:
    """Return the requirement without an upper bound for the sake of private names."""
    parts = re.fullmatch(r"([a-z0-9-]+)(\[.*\])?>=([0-9.]+),<[0-9.]+", line)
    if not parts or parts[1] not in bounded:
        return line
    # A pre-release as the lower bound makes pip take pre-releases of this package, and of no other.
    return f"{parts[1]}{parts[2] or ''}>={parts[3]}" + (".dev0" if kind == "pre-releases" else "")


def numbers(version: str) -> list[int]:
    return [int(n) for n in re.findall(r"[0-9]+", version)]


if __name__ == "__main__":
    main(sys.argv[1:])
