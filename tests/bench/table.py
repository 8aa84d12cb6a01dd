"""A benchmark's figures, as rows of the table that `make bench` prints at its end.

The rows go, as JSON, a line each, to the file that GANGWAY_BENCH_TABLE names, if it names one;
table.R writes the same from R, and scripts/figures.py reads them.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def row(
    key: str,
    what: str,
    ours: float,
    unit: str = "s",
    peer: str = "",
    theirs: float | None = None,
    ratio: float | None = None,
    *,
    most: float | None = None,
    least: float | None = None,
) -> bool:
    """Add a row; say whether its goal is met.

    Parameters
    ----------
    key : str
        A short name, by which the documents' marks refer to the figures.
    what : str
        What was measured.
    ours, theirs : float
        gangway's figure and the peer's; without the latter the peer is not installed.
    unit : str
        The unit of both.
    peer : str
        What it is compared with, if with anything.
    ratio : float, optional
        The ratio of the two as the goal has it.
    most, least : float, optional
        The goal: of the ratio, or of the figure where there is no ratio.
    """
    measured = ours if ratio is None else ratio
    if peer and theirs is None:
        met = True
    else:
        met = (most is None or measured <= most) and (least is None or measured >= least)
    if file := os.environ.get("GANGWAY_BENCH_TABLE"):
        fields = {
            "key": key, "what": what, "ours": ours, "unit": unit, "peer": peer, "theirs": theirs,
            "ratio": ratio, "most": most, "least": least, "met": met,
            "file": Path(sys.argv[0]).name,
        }  # fmt: skip
        with open(file, "a", encoding="utf-8") as rows:
            rows.write(json.dumps(fields) + "\n")
    return met
