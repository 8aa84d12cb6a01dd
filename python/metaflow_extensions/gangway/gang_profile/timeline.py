"""What control knows of all nodes: a line of samples each, of bounded length, on one clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from .meter import Sample, Use

# Points of all nodes together; a line that gets too long is thinned by half.
_POINTS = 1200
_LEAST, _MOST = 40, 200
# Ranks and Ray workers of all nodes that are kept; what comes later is left out.
MOST_MEMBERS = 256
_MEMBER_POINTS = 60

_Row = TypeVar("_Row")
Points = list[tuple[float, _Row]]


class Thinned(Generic[_Row]):
    """Points over time, of which no more than a limit are kept: then each is the mean of more.

    Parameters
    ----------
    limit : int
        How many points there are at most.
    mean : callable
        Makes one point of several.
    """

    def __init__(self, limit: int, mean: Callable[[Sequence[_Row]], _Row]) -> None:
        self._limit, self._mean = limit, mean
        self._size = 1  # samples that a point is the mean of
        self._group: Points[_Row] = []
        self._points: Points[_Row] = []

    def add(self, at: float, row: _Row) -> None:
        self._group.append((at, row))
        if len(self._group) >= self._size:
            self._points.append(self._one(self._group))
            self._group = []
        if len(self._points) >= self._limit:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            self._points = [self._one(pair) for pair in pairs]
            self._size *= 2

    def points(self) -> Points[_Row]:
        return list(self._points)

    def _one(self, group: Sequence[tuple[float, _Row]]) -> tuple[float, _Row]:
        return _mean([at for at, _ in group]), self._mean([row for _, row in group])


class Member:
    """A rank or a Ray worker of a node.

    Parameters
    ----------
    node : int
        The node's index.
    """

    def __init__(self, node: int) -> None:
        self.node = node
        self.name = ""
        self.most = Use(0.0, 0.0)
        self.thinned: Thinned[Use] = Thinned(_MEMBER_POINTS, _mean_use)

    def take(self, at: float, name: str, use: Use) -> None:
        self.name = name or self.name
        self.most = _use(max, [self.most, use])
        self.thinned.add(at, use)


class Line:
    """One node's samples.

    Parameters
    ----------
    limit : int
        How many points it has at most.
    """

    def __init__(self, limit: int) -> None:
        self._offset = float("inf")
        self._thinned: Thinned[Sample] = Thinned(limit, _mean_sample)
        self.members: dict[str, Member] = {}
        self.full = False  # whether some ranks or Ray workers had no room
        self.facts: dict[str, Any] = {}
        self.samples = 0
        self.cost = 0.0
        self.first = self.last = 0.0
        self.most_cpu = self.most_memory = self.most_machine_memory = 0.0

    def take(self, node: int, report: dict[str, Any], now: float, room: int) -> None:
        """Take a report that arrives now; there is room for so many more ranks and Ray workers.

        Clocks of machines differ: the quickest report to arrive tells by how much.
        """
        at = float(report["at"])
        self._offset = min(self._offset, now - at)
        if "facts" in report:
            self.facts, self.first, self.last = report["facts"], at, at
            return
        sample = Sample(*report["sample"])
        self.samples += 1
        self.last, self.cost = at, float(report["cost"])
        self.most_cpu = max(self.most_cpu, sample.cpu)
        self.most_memory = max(self.most_memory, sample.memory)
        self.most_machine_memory = max(self.most_machine_memory, sample.machine_memory)
        self._thinned.add(at, sample)
        for key, (name, use) in report.get("uses", {}).items():
            if key not in self.members:
                if room <= 0:
                    self.full = True
                    continue
                room -= 1
            self.members.setdefault(key, Member(node)).take(at, name, Use(*use))

    def points(self) -> Points[Sample]:
        """Return the points with their times on control's clock."""
        return self._on_control(self._thinned)

    def points_of(self, member: Member) -> Points[Use]:
        """Return the points of a rank or Ray worker in the same way."""
        return self._on_control(member.thinned)

    def _on_control(self, thinned: Thinned[_Row]) -> Points[_Row]:
        return [(at + self._offset, row) for at, row in thinned.points()]

    @property
    def cost_percent(self) -> float:
        """What looking cost, in percent of a core."""
        return 100 * self.cost / max(self.last - self.first, 1e-6)


class Timeline:
    """The lines of all nodes, and the stages of the gang."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[int, Line] = {}
        self._limit = _MOST
        self.began = time.monotonic()
        self.began_at = time.time()
        self.stages: list[tuple[str, float]] = []
        self.ended: float | None = None

    def expect(self, nodes: int) -> None:
        """Say how many nodes there will be, before any reports."""
        self._limit = min(_MOST, max(_LEAST, _POINTS // nodes))

    def mark(self, stage: str) -> None:
        """Note that the gang has come to a stage now."""
        self.stages.append((stage, time.monotonic() - self.began))

    def end(self) -> None:
        """Note that the step's code, and its gang if it had one, has ended."""
        self.ended = time.monotonic() - self.began

    def take(self, node: int, report: dict[str, Any]) -> None:
        """Take a node's report."""
        with self._lock:
            line = self._lines.setdefault(node, Line(self._limit))
            room = MOST_MEMBERS - sum(len(each.members) for each in self._lines.values())
            line.take(node, report, time.monotonic(), room)

    def lines(self) -> dict[int, Line]:
        """Return the nodes' lines by index."""
        with self._lock:
            return dict(sorted(self._lines.items()))

    def points(self) -> Iterator[tuple[int, float, Sample]]:
        """All points: node, seconds since the beginning, sample."""
        for node, line in self.lines().items():
            for at, sample in line.points():
                yield node, self.since(at), sample

    def members(self) -> list[tuple[Member, Points[Use]]]:
        """Ranks in their order, then Ray's workers that have worked, with their points."""
        found = [
            (member, [(self.since(at), use) for at, use in line.points_of(member)])
            for line in self.lines().values()
            for member in line.members.values()
            if member.name
        ]
        return sorted(found, key=lambda each: _order(each[0]))

    def since(self, at: float) -> float:
        """Give a time on control's clock in seconds since the beginning."""
        return round(max(0.0, at - self.began), 2)


def _order(member: Member) -> tuple[Any, ...]:
    rank = member.name.removeprefix("rank ")
    return (0, int(rank), "") if rank.isdigit() else (1, member.node, member.name)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _mean_use(rows: Sequence[Use]) -> Use:
    return _use(_mean, rows)


def _use(way: Callable[[Sequence[float]], float], rows: Sequence[Use]) -> Use:
    known = [[value for value in column if value is not None] for column in zip(*rows, strict=True)]
    cpu, memory, *on_gpu = [round(way(values), 4) if values else None for values in known]
    return Use(cpu or 0.0, memory or 0.0, *on_gpu)


def _mean_sample(rows: Sequence[Sample]) -> Sample:
    gpus = [
        [_mean(values) for values in zip(*devices, strict=True)]
        for devices in zip(*(row.gpus for row in rows), strict=True)
    ]
    names = [name for name in Sample._fields if name != "gpus"]
    means = {name: round(_mean([getattr(row, name) for row in rows]), 4) for name in names}
    return Sample(**means, gpus=gpus)
