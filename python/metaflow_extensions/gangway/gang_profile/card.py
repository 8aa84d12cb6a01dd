"""The profile as the components of a card."""

from __future__ import annotations

import time
from typing import Any

from metaflow.cards import Markdown, Table, VegaChart

from ..gang.link.names import node_name
from .charts import MOST_LINES, charts, phases
from .meter import Use
from .timeline import MOST_MEMBERS, Line, Member, Points, Timeline

MOST_ROWS = 40
_PHASES = ["Phase", "Seconds", "From", "What it is"]
_OF_NODE = ["CPU, cores", "Memory, GB", "Disk, MB/s", "Network, MB/s", "GPUs", "Whole machine"]
_NODES = ["Node", "Machine", *_OF_NODE]
_MEMBERS = ["Process", "Node", "CPU, cores", "Memory, GB", "GPU, %", "GPU memory, GB", "Seen, s"]
_MEANINGS = {
    "queue": "from the task's making to its process or container",
    "start": "Metaflow, code package, environment",
    "forming": "until all nodes were there",
    "user code": "the step's code",
    "teardown": "until the gang was gone",
}


def components(timeline: Timeline, title: str, local: bool) -> list[Any]:
    """Give the card's components: what took how long, a chart a resource, and tables.

    Parameters
    ----------
    timeline : Timeline
        What the nodes have told.
    title : str
        Whose profile it is.
    local : bool
        Whether the nodes share a machine.
    """
    began = time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(timeline.began_at))
    lines = {node: line for node, line in timeline.lines().items() if line.samples}
    members = timeline.members()
    cost = max((line.cost_percent for line in lines.values()), default=0.0)
    most = sorted(lines, key=lambda node: -_mean([s.cpu for _, s in lines[node].points()]))
    nodes = sorted(most[:MOST_ROWS])
    notes = [
        "CPU, memory and disk are those of the node's own processes; the network is the machine's"
        + (", with what it sends to itself." if local else ", without what it sends to itself."),
        "CPU and GPU: mean and most. Memory: most. Disk (read and written) and network (received "
        "and sent): mean. Whole machine: its CPU, mean; its memory, most.",
        f"Looking cost {cost:.2f} % of a core on the node where it cost most.",
        *_left_out(lines, members),
        *sorted({line.facts["no_gpus"] for line in lines.values() if line.facts.get("no_gpus")}),
    ]
    found = [
        Markdown(f"## {title}\nFrom {began}. The charts' seconds count from there."),
        Table(_phase_rows(timeline), headers=_PHASES),
        *(VegaChart(spec) for spec in charts(timeline, local)),
        Table([_node_row(node, lines[node]) for node in nodes], headers=_NODES),
    ]
    if members:
        # Those that used most, in the order of all.
        most_used = sorted(members, key=lambda each: _weight(each[0].most), reverse=True)
        kept = [id(member) for member, _ in most_used[:MOST_ROWS]]
        rows = [_member_row(*each) for each in members if id(each[0]) in kept]
        found.append(Table(rows, headers=_MEMBERS))
    return [*found, Markdown("\n".join(f"- {note}" for note in notes))]


def _left_out(lines: dict[int, Line], members: list[tuple[Member, Points[Use]]]) -> list[str]:
    found = []
    if max(len(lines), len(members)) > MOST_LINES:
        found.append(f"A chart of more than {MOST_LINES} lines shows most, mean and least of them.")
    for count, what in ((len(lines), "nodes"), (len(members), "processes")):
        if count > MOST_ROWS:
            found.append(f"The table has the {MOST_ROWS} of {count} {what} that used most.")
    if any(line.full for line in lines.values()):
        found.append(f"Ranks and Ray workers beyond the first {MOST_MEMBERS} are left out.")
    return found


def _phase_rows(timeline: Timeline) -> list[list[Any]]:
    lines = timeline.lines()
    facts = lines[0].facts if 0 in lines else {}
    rows = []
    start = facts.get("start", 0.0)
    if (queue := facts.get("queue")) is not None:
        rows.append(("queue", queue, -start - queue))
    if "start" in facts:
        rows.append(("start", start, -start))
    marks = phases(timeline)
    rows += [(mark["phase"], mark["to"] - mark["from"], mark["from"]) for mark in marks]
    if not marks and timeline.ended is not None:
        rows.append(("user code", timeline.ended, 0.0))
    meanings = dict(_MEANINGS)
    starts = {node: line.facts["start"] for node, line in lines.items() if "start" in line.facts}
    if len(starts) > 1:
        slowest = max(starts, key=lambda node: starts[node])
        meanings["start"] += f"; at most {starts[slowest]:.1f} s, on {node_name(slowest)}"
    return [[_whole(name), f"{took:.1f}", f"{at:.1f}", meanings[name]] for name, took, at in rows]


def _node_row(node: int, line: Line) -> list[Any]:
    samples = [sample for _, sample in line.points()]
    facts = line.facts
    gpus = [use for sample in samples for use, _ in sample.gpus]
    models = ", ".join(sorted(set(facts.get("gpus", ()))))
    machine = (_mean([s.machine_cpu for s in samples]), line.most_machine_memory)
    return [
        f"{node}",
        f"{facts.get('host', '?')}: {facts.get('cores', '?')} cores, {facts.get('memory', 0):g} GB",
        _whole(f"{_mean([s.cpu for s in samples]):.2f}, {line.most_cpu:.2f}"),
        f"{line.most_memory:.2f}",
        f"{_mean([s.read + s.written for s in samples]):.1f}",
        f"{_mean([s.received + s.sent for s in samples]):.1f}",
        f"{_mean(gpus):.0f} % of {len(facts['gpus'])} {models}" if models else "none",
        _whole(f"{machine[0]:.0f} %, {machine[1]:.0f} %"),
    ]


def _member_row(member: Member, points: Points[Use]) -> list[Any]:
    most = member.most
    gpus = [use.gpu for _, use in points if use.gpu is not None]
    return [
        member.name,
        f"{member.node}",
        _whole(f"{_mean([use.cpu for _, use in points]):.2f}, {most.cpu:.2f}"),
        f"{most.memory:.2f}",
        f"{_mean(gpus):.0f}, {most.gpu:.0f}" if gpus else "-",
        "-" if most.gpu_memory is None else f"{most.gpu_memory:.2f}",
        f"{points[-1][0] - points[0][0]:.1f}",
    ]


def _whole(text: str) -> str:
    """Keep a cell in one line."""
    return text.replace(" ", "\u00a0")


def _weight(most: Use) -> tuple[float, float, float]:
    return (most.gpu or 0.0, most.cpu, most.memory)


def _mean(values: list[float]) -> float:
    return sum(values) / max(len(values), 1)
