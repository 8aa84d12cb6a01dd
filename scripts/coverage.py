"""Print how many lines the tests have run, by room of the Python core and group of R's files.

usage: coverage.py PYTHON_JSON R_CSV   R_CSV is not there if the R package covr is not installed.
"""

import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

CORE = "metaflow_extensions/gangway/"
Counts = dict[str, list[int]]


def python_counts(path: Path) -> Counts:
    counts: Counts = defaultdict(lambda: [0, 0])
    for name, file in json.loads(path.read_text())["files"].items():
        room, slash, _ = name.partition(CORE)[2].rpartition("/")
        add(counts[room + slash or "(top)"], file["summary"]["num_statements"],
            file["summary"]["covered_lines"])  # fmt: skip
    return counts


def r_counts(path: Path) -> Counts:
    counts: Counts = defaultdict(lambda: [0, 0])
    for row in csv.DictReader(path.open()):
        folder, _, name = row["filename"].rpartition("/")
        group = f"{name.removesuffix('.R').partition('-')[0]}*" if folder == "R" else folder
        add(counts[group], int(row["lines"]), int(row["run"]))
    return counts


def add(count: list[int], lines: int, run: int) -> None:
    count[0] += lines
    count[1] += run


def show(title: str, counts: Counts) -> None:
    print(f"\n{title:<28}{'lines':>7}{'run':>7}")
    total = [sum(column) for column in zip(*counts.values(), strict=True)]
    for name, (lines, run) in [*sorted(counts.items()), ("all", total)]:
        print(f"  {name:<26}{lines:>7}{100 * run / max(lines, 1):>6.0f}%")


def main(python: str, r: str) -> None:
    show("Python", python_counts(Path(python)))
    if Path(r).exists():
        show("R", r_counts(Path(r)))
    else:
        print('\nR: install the package covr, by install.packages("covr") or as r-cran-covr')


if __name__ == "__main__":
    main(*sys.argv[1:])
