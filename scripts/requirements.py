"""Print the Python packages that python/pyproject.toml names, one a line.

usage: requirements.py EXTRA_OR_GROUP...   The core's own dependencies, and those of the extras
(``[project.optional-dependencies]``) and groups (``[dependency-groups]``) that are named.
"""

import sys
from pathlib import Path

try:
    import tomllib
except ImportError:  # Python 3.10: pip brings the same parser
    from pip._vendor import tomli as tomllib


def main(names: list[str]) -> None:
    path = Path(__file__).resolve().parent.parent / "python" / "pyproject.toml"
    document = tomllib.loads(path.read_text())
    project = document["project"]
    sections = {**project.get("optional-dependencies", {}), **document.get("dependency-groups", {})}
    wanted = list(project["dependencies"])
    for name in names:
        wanted += sections[name]
    print("\n".join(wanted))


if __name__ == "__main__":
    main(sys.argv[1:])
