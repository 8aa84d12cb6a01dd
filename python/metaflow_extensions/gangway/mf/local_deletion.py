"""Deletes runs from a local store, and the contents that no run is left to need.

A run is deleted by moving its folder away in one step: before, it is whole, after it, it is no run.
Only then what it had alone is removed. Whoever is interrupted in between leaves things that no run
needs, in a folder of their own, and the next deletion goes on with them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field

from .local_life import RESUME_LOCK, RUN_LOCK, alone, life
from .local_runs import LocalRuns, Uses, disk_size


@dataclass
class Plan:
    """What is to be done.

    Attributes
    ----------
    go : list of str
        The runs that can be deleted.
    kept : dict
        Those that cannot, and why: ``"running"``, ``"elsewhere"``, or the run that needs them.
    garbage : list of str
        Paths of the contents that no other run needs.
    waiting : bool
        Whether these have to stay because a run is under way, which may be about to need them.
    freed : int
        How many bytes on disk this frees.
    """

    go: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    garbage: list[str] = field(default_factory=list)
    waiting: bool = False
    freed: int = 0


def _plan(store: LocalRuns, wanted: Iterable[str], unshared: bool) -> Plan:
    uses = {run: store.uses(run) for run in store.runs()}
    plan = Plan()
    go = [run for run in wanted if run in uses]
    for run in go:
        if not uses[run].stored_here:
            plan.kept[run] = "elsewhere"
        elif life(store.root, store.flow, run)["status"] == "running":
            plan.kept[run] = "running"
    plan.kept.update(_origins(uses, set(go) - plan.kept.keys()))
    plan.go = [run for run in go if run not in plan.kept]
    needed = set().union(*(used.files for run, used in uses.items() if run not in plan.go))
    plan.garbage = [path for path in store.contents() if path not in needed]
    plan.waiting = bool(plan.garbage) and not (unshared and _none_runs(store, uses))
    plan.freed = sum(map(store.own_size, plan.go))
    if not plan.waiting:
        plan.freed += sum(map(disk_size, plan.garbage))
    return plan


def _none_runs(store: LocalRuns, runs: Iterable[str]) -> bool:
    # Runs of Python scripts hold no lock.
    return not any(life(store.root, store.flow, run)["status"] == "running" for run in runs)


def _origins(uses: dict[str, Uses], go: set[str]) -> dict[str, str]:
    """Find the runs that others have been resumed from, which stay."""
    kept: dict[str, str] = {}
    while found := {
        uses[run].origin: run for run in uses if run not in go and uses[run].origin in go
    }:
        for origin, run in found.items():
            kept[str(origin)] = run
            go = go - {str(origin)}
    return kept


class ResumeUnderWay(Exception):
    """A run that is being resumed may need whatever there is."""


class Deletion:
    """Deletes runs of a flow.

    Parameters
    ----------
    store : LocalRuns
        The flow's runs.
    """

    def __init__(self, store: LocalRuns) -> None:
        self._store = store
        self._trash = os.path.join(store.root, f".gangway-deleted-{store.flow}")
        self._contents = os.path.join(self._trash, "data")

    def plan(self, wanted: Iterable[str]) -> Plan:
        """Find out what `delete` would do."""
        with alone(self._store.root, self._store.flow, RUN_LOCK) as unshared:
            return _plan(self._store, wanted, unshared)

    def delete(self, wanted: Iterable[str]) -> Plan:
        """Delete what can be deleted of the runs that somebody wants deleted, and say what it was.

        Raises
        ------
        ResumeUnderWay
            Nothing was deleted.
        """
        root, flow = self._store.root, self._store.flow
        with alone(root, flow, RESUME_LOCK) as unneeded, alone(root, flow, RUN_LOCK) as unshared:
            if not unneeded:
                raise ResumeUnderWay
            self._put_back()
            plan = _plan(self._store, wanted, unshared)
            os.makedirs(self._contents, exist_ok=True)
            for run in plan.go:
                os.rename(self._store.folder(run), os.path.join(self._trash, run))
            self._forget_latest(plan.go)
            if not plan.waiting and not self._take_contents(plan.garbage):
                plan.waiting = True
                plan.freed -= sum(map(disk_size, plan.garbage))
            self._empty()
            return plan

    def _take_contents(self, garbage: list[str]) -> bool:
        """Move contents away; put them back if a run began meanwhile, which may count on them."""
        before = set(self._store.runs())
        for path in garbage:
            below = os.path.relpath(path, self._store.root).replace(os.sep, ":")
            os.rename(path, os.path.join(self._contents, below))
        if set(self._store.runs()) != before:
            self._put_back()
            return False
        return True

    def _put_back(self) -> None:
        if not os.path.isdir(self._contents):
            return
        for name in os.listdir(self._contents):
            path = os.path.join(self._store.root, *name.split(":"))
            moved = os.path.join(self._contents, name)
            if not os.path.exists(path):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.rename(moved, path)

    def _forget_latest(self, deleted: list[str]) -> None:
        # Metaflow would resume a run that is not there.
        path = os.path.join(self._store.root, self._store.flow, "latest_run")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                latest = file.read().strip()
            if latest in deleted:
                os.remove(path)

    def _empty(self) -> None:
        for run in os.listdir(self._trash):
            if run != "data":
                for folder in self._store.beside(run):
                    shutil.rmtree(folder)
        # The runs' names go last: whoever comes after an interruption needs them.
        shutil.rmtree(self._contents, ignore_errors=True)
        shutil.rmtree(self._trash)
