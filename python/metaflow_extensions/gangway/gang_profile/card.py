"""The profile as the components of a card."""

from __future__ import annotations

import time
from typing import Any

from metaflow.cards import Markdown, Table, VegaChart

from .charts import charts, phases
from .timeline import Line, Timeline

_HEADERS = [
    "node", "machine", "cores", "CPU mean", "CPU most", "memory most", "disk", "network",
    "GPUs mean", "machine's CPU", "machine's memory most", "samples",
]  # fmt: skip


def components(timeline: Timeline, title: str, local: bool) -> list[Any]:
    """Give the card's components: what happened when, a chart a resource, and a table.

    Parameters
    ----------
    timeline : Timeline
        What the nodes have told.
    title : str
        Whose profile it is.
    local : bool
        Whether the nodes share a machine.
    """
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(timeline.began_at))
    lines = timeline.lines()
    rows = [_row(node, line) for node, line in lines.items()]
    when = ", ".join(f"{m['phase']} {m['to'] - m['from']:.1f} s" for m in phases(timeline))
    cost = max((line.cost_percent for line in lines.values()), default=0.0)
    notes = [
        "CPU, memory and disk are those of the node's own processes; the network is the machine's.",
        f"Looking cost {cost:.2f} % of a core on the node where it cost most.",
        *sorted({line.facts["no_gpus"] for line in lines.values() if line.facts.get("no_gpus")}),
    ]
    return [
        Markdown(f"## {title}\nFrom {began}" + (f": {when}" if when else "")),
        *(VegaChart(spec) for spec in charts(timeline, local)),
        Table(rows, headers=_HEADERS),
        Markdown("\n".join(f"- {note}" for note in notes)),
    ]


def _row(node: int, line: Line) -> list[str]:
    samples = [sample for _, sample in line.points()]

    def mean(values: list[float]) -> float:
        return sum(values) / max(len(values), 1)

    gpus = [use for sample in samples for use, _ in sample.gpus]
    facts = line.facts
    return [
        str(node),
        str(facts.get("host", "")),
        str(facts.get("cores", "")),
        f"{mean([s.cpu for s in samples]):.2f}",
        f"{line.most_cpu:.2f}",
        f"{line.most_memory:.2f} of {facts.get('memory', 0):g} GB",
        f"{mean([s.disk for s in samples]):.1f} MB/s",
        f"{mean([s.network for s in samples]):.1f} MB/s",
        f"{mean(gpus):.0f} % of {', '.join(facts['gpus'])}" if facts.get("gpus") else "none",
        f"{mean([s.machine_cpu for s in samples]):.0f} %",
        f"{line.most_machine_memory:.0f} %",
        str(line.samples),
    ]
