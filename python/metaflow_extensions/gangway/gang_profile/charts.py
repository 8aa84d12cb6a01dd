"""The Vega-Lite charts of a profile: a line for each node over the gang's phases."""

from __future__ import annotations

from typing import Any

from ..gang.link.names import node_name
from .timeline import Timeline

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_COLORS = {"forming": "#f2b134", "running": "#7fb685", "teardown": "#ed553b"}
_MACHINE = "machine"

Row = dict[str, Any]


def phases(timeline: Timeline) -> list[Row]:
    """Give the gang's phases, each with its first and last second."""
    at = dict(timeline.stages)
    end = at.get("ended", max(at.values(), default=0.0))
    bounds = [0.0, at.get("formed", end), at.get("ending", end), end]
    found = zip(_COLORS, bounds, bounds[1:], strict=False)
    return [
        {"phase": phase, "from": round(start, 2), "to": round(stop, 2)}
        for phase, start, stop in found
        if stop > start
    ]


def charts(timeline: Timeline, local: bool) -> list[dict[str, Any]]:
    """Give the specifications of all charts that have something to show.

    Parameters
    ----------
    timeline : Timeline
        What the nodes have told.
    local : bool
        Whether they share a machine, whose network is then drawn once.
    """
    names = ("CPU (cores)", "Memory (GB)", "Disk (MB/s)", "Network (MB/s)")
    rows: dict[str, list[Row]] = {name: [] for name in (*names, "GPU (%)", "GPU memory (GB)")}
    for node, at, sample in timeline.points():
        own = (sample.cpu, sample.memory, sample.disk)
        for name, value in zip(names, own, strict=False):
            rows[name].append(_row(node_name(node), at, value))
        if not local or node == 0:
            rows[names[3]].append(_row(_MACHINE if local else node_name(node), at, sample.network))
        for i, (use, memory) in enumerate(sample.gpus):
            rows["GPU (%)"].append(_row(f"{node_name(node)}, GPU {i}", at, use))
            rows["GPU memory (GB)"].append(_row(f"{node_name(node)}, GPU {i}", at, memory))
    marks = phases(timeline)
    return [chart(name, found, marks) for name, found in rows.items() if found]


def _row(who: str, at: float, value: float) -> Row:
    return {"who": who, "at": at, "value": round(value, 3)}


def chart(title: str, rows: list[Row], marks: list[Row]) -> dict[str, Any]:
    """Draw lines over the phases."""
    order = list(dict.fromkeys(row["who"] for row in rows))
    seconds = {"type": "quantitative", "title": "seconds"}
    lines = {
        "data": {"values": rows},
        # A line through one point is not to be seen.
        "mark": {"type": "line", "strokeWidth": 1.5, "point": len(rows) <= 10 * len(order)},
        "encoding": {
            "x": {"field": "at", **seconds},
            "y": {"field": "value", "type": "quantitative", "title": None},
            "color": {
                "field": "who",
                "type": "nominal",
                "title": None,
                "sort": order,
                "scale": {"scheme": "tableau10" if len(order) <= 10 else "tableau20"},
            },
            "tooltip": [{"field": name} for name in ("who", "at", "value")],
        },
    }
    bands = {
        "data": {"values": marks},
        "mark": {"type": "rect", "opacity": 0.18},
        "encoding": {
            "x": {"field": "from", **seconds},
            "x2": {"field": "to"},
            "color": {
                "field": "phase",
                "type": "nominal",
                "title": None,
                "scale": {"domain": list(_COLORS), "range": list(_COLORS.values())},
            },
            "tooltip": [{"field": name} for name in ("phase", "from", "to")],
        },
    }
    return {
        "$schema": _SCHEMA,
        "title": title,
        "height": 160,
        "layer": [bands, lines] if marks else [lines],
        "resolve": {"scale": {"color": "independent"}},
    }
