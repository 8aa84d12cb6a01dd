"""The Vega-Lite charts of a profile: no more lines than one can tell apart, over the phases."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..gang.link.names import node_name
from .timeline import Timeline

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
_COLORS = {"forming": "#f2b134", "user code": "#7fb685", "teardown": "#ed553b"}
_MACHINE = "machine"
GANG = "Disk and network of the whole gang (MB/s)"
# Of more lines a chart shows the most, the mean and the least.
MOST_LINES = 12
_BINS = 120
# Below, so that all charts of a card are equally wide.
_LEGEND = {"orient": "bottom", "direction": "horizontal", "columns": 4, "labelLimit": 160}

Row = dict[str, Any]
Lines = dict[str, list[tuple[float, float]]]


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
    marks = phases(timeline)
    found = {**_of_nodes(timeline, local), **_of_members(timeline)}
    ends = [mark["to"] for mark in marks]
    ends += [at for lines in found.values() for points in lines.values() for at, _ in points]
    return [
        chart(title, lines if title == GANG else bounded(lines), marks, max(ends))
        for title, lines in found.items()
        if lines
    ]


def _of_nodes(timeline: Timeline, local: bool) -> dict[str, Lines]:
    names = ("CPU (cores)", "Memory (GB)", "Disk (MB/s)", "Network (MB/s)")
    found: dict[str, Lines] = {name: {} for name in (*names, GANG, "GPU (%)", "GPU memory (GB)")}
    flows: dict[str, Lines] = {
        name: {} for name in ("disk read", "disk written", "network received", "network sent")
    }
    for node, at, sample in timeline.points():
        who = node_name(node)
        own = (sample.cpu, sample.memory, sample.read + sample.written)
        for name, value in zip(names, own, strict=False):
            found[name].setdefault(who, []).append((at, value))
        for name, value in zip(flows, sample[2:6], strict=True):
            if not local or node == 0 or name.startswith("disk"):
                flows[name].setdefault(who, []).append((at, value))
        if not local or node == 0:
            network = sample.received + sample.sent
            found[names[3]].setdefault(_MACHINE if local else who, []).append((at, network))
        for i, (use, memory) in enumerate(sample.gpus):
            gpu = f"{who}, GPU {i}"
            found["GPU (%)"].setdefault(gpu, []).append((at, use))
            found["GPU memory (GB)"].setdefault(gpu, []).append((at, memory))
    found[GANG] = {name: _together(lines, sum) for name, lines in flows.items() if lines}
    return found


def _of_members(timeline: Timeline) -> dict[str, Lines]:
    members = timeline.members()
    ranks = [member.name.startswith("rank ") for member, _ in members]
    kind = "ranks" if all(ranks) else "ranks and Ray workers" if any(ranks) else "Ray workers"
    units = {"CPU": "cores", "Memory": "GB", "GPU": "%", "GPU memory": "GB"}
    found: dict[str, Lines] = {f"{what} of {kind} ({unit})": {} for what, unit in units.items()}
    for member, points in members:
        for column, lines in enumerate(found.values()):
            known = [(at, use[column]) for at, use in points if use[column] is not None]
            if known:
                lines[label(member.name, member.node)] = known  # type: ignore[assignment]
    return found


def label(name: str, node: int) -> str:
    """Name a rank, or a Ray worker with its node: processes have their numbers on each machine."""
    return name if name.startswith("rank ") else f"{name}, {node_name(node)}"


def bounded(lines: Lines) -> Lines:
    """Give as many lines as one can tell apart: instead of more, most, mean and least of them."""
    if len(lines) <= MOST_LINES:
        return lines
    ways: Mapping[str, Callable[[Sequence[float]], float]] = {
        f"most of {len(lines)}": max,
        "mean": lambda values: sum(values) / len(values),
        "least": min,
    }
    return {name: _together(lines, way) for name, way in ways.items()}


def _together(lines: Lines, way: Callable[[Sequence[float]], float]) -> list[tuple[float, float]]:
    """Make one line of several, whose points are at other times: each holds its last value."""
    first = min(points[0][0] for points in lines.values())
    last = max(points[-1][0] for points in lines.values())
    bins = min(_BINS, max(len(points) for points in lines.values()))
    times = {name: [at for at, _ in points] for name, points in lines.items()}
    found = []
    for i in range(bins):
        at = last - (last - first) * (bins - 1 - i) / max(bins - 1, 1)
        values = [
            points[max(bisect_right(times[name], at) - 1, 0)][1]
            for name, points in lines.items()
            if points[0][0] <= at <= points[-1][0] + (last - first) / bins
        ]
        if values:
            found.append((round(at, 2), way(values)))
    return found


def chart(title: str, lines: Lines, marks: list[Row], end: float) -> dict[str, Any]:
    """Draw lines over the phases."""
    rows = [
        {"who": who, "at": at, "value": round(value, 3)}
        for who, points in lines.items()
        for at, value in points
    ]
    # All charts of a card have one axis, so that what happened together stands together.
    seconds = {
        "type": "quantitative",
        "title": "seconds",
        "scale": {"domain": [0, end or 1], "nice": False},
    }
    drawn = {
        "data": {"values": rows},
        # A line through one point is not to be seen.
        "mark": {"type": "line", "strokeWidth": 1.5, "point": len(rows) <= 10 * len(lines)},
        "encoding": {
            "x": {"field": "at", **seconds},
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": None,
                "axis": {"minExtent": 45, "maxExtent": 45},
            },
            "color": {
                "field": "who",
                "type": "nominal",
                "title": None,
                "sort": list(lines),
                "scale": {"scheme": "tableau10" if len(lines) <= 10 else "tableau20"},
                "legend": _LEGEND,
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
                "legend": _LEGEND,
            },
            "tooltip": [{"field": name} for name in ("phase", "from", "to")],
        },
    }
    return {
        "$schema": _SCHEMA,
        "title": title,
        "height": 160,
        "layer": [bands, drawn] if marks else [drawn],
        "resolve": {"scale": {"color": "independent"}},
        # A browser that darkens pages makes the grid as bright as the lines.
        "config": {"axis": {"gridOpacity": 0.4}},
    }
