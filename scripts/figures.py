"""The table of all benchmarks, and the figures in documents, which come from it.

usage: python scripts/figures.py table FILE     print FILE's rows (tests/bench/table.py) as a table
       python scripts/figures.py fill FILE      put its figures into speed.Rmd and README.md

There a figure stands before a mark, as in ``1.9 s<!--hello:ours-->``: the row's key, and
``ours``, ``theirs`` or ``ratio``. What FILE does not have stays as it is, and is named.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "vignettes/speed.Rmd", ROOT / "README.md")
MARK = re.compile(r"[\d.,]+(?: (?:s|ms|MB))?(?=<!--([\w-]+):(ours|theirs|ratio)-->)")
HEAD = ("what", "gangway", "compared with", "ratio", "goal", "measured by")


def amount(value: float, unit: str = "") -> str:
    """Write a figure with two digits that mean something, ratios below 10 with two decimals."""
    decimals = 1 - math.floor(math.log10(abs(value))) if value else 0
    if not unit and value < 10:
        decimals = 2
    return f"{value:,.{max(0, decimals)}f}" + (f" {unit}" if unit else "")


def figure(row: dict[str, Any], field: str) -> str:
    """Write a field of a row."""
    if row[field] is None:
        return "not installed" if field == "theirs" else ""
    return amount(row[field], "" if field == "ratio" else row["unit"])


def goal(row: dict[str, Any]) -> str:
    """Write a row's goal, and whether it is missed."""
    of_ratio = row["ratio"] is not None or (row["peer"] and row["theirs"] is None)
    unit = "" if of_ratio else row["unit"]
    bounds = [
        f"{word} {row[field]:g}" + (f" {unit}" if unit else "")
        for field, word in (("most", "at most"), ("least", "at least"))
        if row[field] is not None
    ]
    return ", ".join(bounds) + ("" if row["met"] else ": **missed**")


def table(rows: list[dict[str, Any]]) -> str:
    """Write all rows as a table in Markdown."""
    lines = [HEAD, ["---"] * len(HEAD)]
    for row in rows:
        peer = f"{row['peer']}: {figure(row, 'theirs')}" if row["peer"] else ""
        cells = (row["what"], figure(row, "ours"), peer, figure(row, "ratio"), goal(row))
        lines.append([*cells, f"`{row['file']}`"])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def filled(text: str, rows: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """Put figures before the marks of a text; return it with the marks that have none."""
    of = {row["key"]: row for row in rows}
    missing = []

    def fill(found: re.Match[str]) -> str:
        key, field = found.groups()
        if key in of and of[key][field] is not None:
            return figure(of[key], field)
        missing.append(f"{key}:{field}")
        return found[0]

    return MARK.sub(fill, text), missing


def main(command: str, file: str) -> None:
    """Do what the command line says."""
    rows = [json.loads(line) for line in Path(file).read_text("utf-8").splitlines()]
    if command == "table":
        print(table(rows))
        return
    for page in PAGES:
        text, missing = filled(page.read_text("utf-8"), rows)
        page.write_text(text, "utf-8")
        if missing:
            print(f"{page.name}: not measured, left as they are: {', '.join(missing)}")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("table", "fill"):
        sys.exit(__doc__)
    main(*sys.argv[1:])
