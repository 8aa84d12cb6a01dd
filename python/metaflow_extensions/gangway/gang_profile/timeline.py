"""What control knows of all nodes: a line of samples each, of bounded length, on one clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from .meter import Sample

# Points of all nodes together; a line that gets too long is thinned by half.
_POINTS = 2400
_LEAST, _MOST = 40, 400


class Line:
    """One node's samples.

    Parameters
    ----------
    limit : int
        How many points it has at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 1  # samples that a point is the mean of
        self._group: list[tuple[float, Sample]] = []
        self._offset = float("inf")
        self._points: list[tuple[float, Sample]] = []
        self.facts: dict[str, Any] = {}
        self.samples = 0
        self.cost = 0.0
        self.first = self.last = 0.0
        self.most_cpu = self.most_memory = self.most_machine_memory = 0.0

    def take(self, report: dict[str, Any], now: float) -> None:
        """Take a report that arrives now.

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
        self._group.append((at, sample))
        if len(self._group) >= self._size:
            self._points.append(_mean(self._group))
            self._group = []
        if len(self._points) >= self._limit:
            pairs = zip(self._points[::2], self._points[1::2], strict=False)
            self._points = [_mean(pair) for pair in pairs]
            self._size *= 2

    def points(self) -> list[tuple[float, Sample]]:
        """Return the points with their times on control's clock."""
        return [(at + self._offset, sample) for at, sample in self._points]

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

    def expect(self, nodes: int) -> None:
        """Say how many nodes there will be, before any reports."""
        self._limit = min(_MOST, max(_LEAST, _POINTS // nodes))

    def mark(self, stage: str) -> None:
        """Note that the gang has come to a stage now."""
        self.stages.append((stage, time.monotonic() - self.began))

    def take(self, node: int, report: dict[str, Any]) -> None:
        """Take a node's report."""
        with self._lock:
            line = self._lines.setdefault(node, Line(self._limit))
            line.take(report, time.monotonic())

    def lines(self) -> dict[int, Line]:
        """Return the nodes' lines by index."""
        with self._lock:
            return dict(sorted(self._lines.items()))

    def points(self) -> Iterator[tuple[int, float, Sample]]:
        """All points: node, seconds since the beginning, sample."""
        for node, line in self.lines().items():
            for at, sample in line.points():
                yield node, round(max(0.0, at - self.began), 2), sample


def _mean(group: Sequence[tuple[float, Sample]]) -> tuple[float, Sample]:
    times = [at for at, _ in group]
    rows = [sample for _, sample in group]

    def mean(name: str) -> float:
        return float(round(sum(getattr(row, name) for row in rows) / len(rows), 4))

    gpus = [
        [sum(values) / len(values) for values in zip(*devices, strict=True)]
        for devices in zip(*(row.gpus for row in rows), strict=True)
    ]
    means = {name: mean(name) for name in Sample._fields if name != "gpus"}
    return sum(times) / len(times), Sample(**means, gpus=gpus)
