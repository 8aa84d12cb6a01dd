"""The profile as the components of a card."""

from __future__ import annotations

import time
from typing import Any

from metaflow.cards import Markdown, Table, VegaChart

from .charts import charts, phases
from .timeline import Line, Timeline

_HEADERS = ["Node", "Machine", "CPU", "Memory", "Disk", "Network", "GPUs", "Whole machine"]


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
    rows = [_row(node, line) for node, line in lines.items() if line.samples]
    when = ", ".join(f"{m['phase']} {m['to'] - m['from']:.1f} s" for m in phases(timeline))
    cost = max((line.cost_percent for line in lines.values()), default=0.0)
    notes = [
        "CPU, memory and disk are those of the node's own processes; the network is the machine's.",
        "CPU: mean and most, in cores. Memory: most, in GB. Disk and network: mean, in MB/s. "
        "Whole machine: mean of its CPU, most of its memory.",
        f"Looking cost {cost:.2f} % of a core on the node where it cost most.",
        *sorted({line.facts["no_gpus"] for line in lines.values() if line.facts.get("no_gpus")}),
    ]
    return [
        Markdown(f"## {title}\nFrom {began}" + (f": {when}" if when else "")),
        *(VegaChart(spec) for spec in charts(timeline, local)),
        Table(rows, headers=_HEADERS),
        Markdown("\n".join(f"- {note}" for note in notes)),
    ]


def _row(node: int, line: Line) -> list[Any]:
    samples = [sample for _, sample in line.points()]

    def mean(values: list[float]) -> float:
        return sum(values) / max(len(values), 1)

    facts = line.facts
    gpus = [use for sample in samples for use, _ in sample.gpus]
    models = ", ".join(sorted(set(facts.get("gpus", ()))))
    machine = (mean([s.machine_cpu for s in samples]), line.most_machine_memory)
    return [
        f"{node}",
        f"{facts.get('host', '?')}: {facts.get('cores', '?')} cores, {facts.get('memory', 0):g} GB",
        f"{mean([s.cpu for s in samples]):.2f}, {line.most_cpu:.2f}",
        f"{line.most_memory:.2f}",
        f"{mean([s.disk for s in samples]):.1f}",
        f"{mean([s.network for s in samples]):.1f}",
        f"{mean(gpus):.0f} % of {len(facts['gpus'])} {models}" if models else "none",
        f"{machine[0]:.0f} %, {machine[1]:.0f} %",
    ]
