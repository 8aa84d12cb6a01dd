"""Old runs are deleted, and whatever the others need stays, also after an interruption."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import metaflow
import pytest
from conftest import StartFlow
from metaflow.cards import get_cards
from metaflow.client import core
from metaflow.client.filecache import FileCache
from metaflow.datastore import FlowDataStore
from metaflow.plugins.cards.card_datastore import CardDatastore
from metaflow.plugins.datastores.local_storage import LocalStorage
from metaflow_extensions.gangway.mf import metadata
from metaflow_extensions.gangway.mf.local_deletion import Deletion, Plan, ResumeUnderWay
from metaflow_extensions.gangway.mf.local_life import RESUME_LOCK, RUN_LOCK, life, share
from metaflow_extensions.gangway.mf.local_runs import LocalRuns, tree_size
from metaflow_extensions.gangway.r import runs as for_r

FLOW = "OldRuns"


@pytest.fixture(autouse=True)
def client(tmp_path: Path) -> Iterator[None]:
    """The client reads the test's store, and keeps no copies from before."""
    before = core.current_metadata, LocalStorage.datastore_root
    yield
    core.current_metadata, LocalStorage.datastore_root = before
    core.filecache = None
    metaflow.default_namespace()


def everything(folder: Path, run: str) -> dict[str, Any]:
    """Read a run as a user can."""
    core.filecache = FileCache(cache_dir=str(folder / "cache" / str(len(os.listdir(folder)))))
    shutil.rmtree(folder / "cache", ignore_errors=True)
    assert metadata.choose(f"local@{folder}") == ""
    metaflow.namespace(None)
    found: dict[str, Any] = {}
    for step in metaflow.Run(f"{FLOW}/{run}"):
        for task in step:
            found[task.pathspec] = (
                {artifact.id: artifact.data for artifact in task},
                task.stdout,
                task.stderr,
                task.metadata_dict,
                [card.get() for card in get_cards(task)] if step.id == "start" else [],
            )
    return found


def save_card(root: str, run: str) -> None:
    """Give the first task of a run a card, as its process would."""
    store = FlowDataStore(FLOW, storage_impl=LocalStorage, ds_root=os.path.join(root, "mf.cards"))
    CardDatastore(store, f"{FLOW}/{run}/start/1").save_card("id", "blank", f"a card of {run}")


def files(root: str) -> set[str]:
    """All files of a store, and not the locks' own."""
    return {
        os.path.relpath(os.path.join(path, name), root)
        for path, _, names in os.walk(root)
        for name in names
        if not name.endswith(".lock") or name.endswith("DONE.lock")
    }


def run_ids(store: LocalRuns) -> list[str]:
    return sorted(store.runs())


class Interrupted(BaseException):
    """The process is gone."""


class Meddler:
    """Does something before a change of a file; audit hooks cannot be removed again."""

    def __init__(self) -> None:
        self.act: Callable[[str], None] | None = None
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.act is not None and event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir"):
            self.act(event)


MEDDLER = Meddler()


def interrupt_at(change: int) -> Callable[[str], None]:
    left = [change]

    def act(event: str) -> None:
        if not left[0]:
            raise Interrupted
        left[0] -= 1

    return act


def delete(store: LocalRuns, runs: list[str], act: Callable[[str], None] | None = None) -> Plan:
    MEDDLER.act = act
    try:
        return Deletion(store).delete(runs)
    finally:
        MEDDLER.act = None


def copy_of(root: str, to: Path) -> LocalRuns:
    shutil.copytree(root, to, copy_function=os.link)
    return LocalRuns(str(to), FLOW)


def contents(root: str) -> set[str]:
    return {path for path in files(root) if "/data/" in path}


def check_interruptions(store: LocalRuns, run: str, folder: Path) -> None:
    """Whenever a deletion is interrupted, each run is whole or none, and the next goes on."""
    untouched, others = files(store.root), set(store.runs()) - {run}
    after = copy_of(store.root, folder / "after")
    before = tree_size(after.root)
    plan = delete(after, [run])
    assert abs(plan.freed - (before - tree_size(after.root))) < 20_000
    expected = files(after.root)
    gone = {path.split("/")[0] for path in untouched - expected}
    assert gone == {FLOW, "data", "mf.cards", "mf.ray_decorator"}
    assert [path for path in expected if run in path] == []
    for change in [0, 1, 2, 3, 4, 8, 12, 20, 30, 60, 90, 120]:
        broken = copy_of(store.root, folder / f"broken{change}")
        with contextlib.suppress(Interrupted):
            delete(broken, [run], interrupt_at(change))
        left = files(broken.root)
        assert left >= expected and set(broken.runs()) >= others
        if run in broken.runs():
            assert left >= untouched
        delete(broken, [run])
        assert files(broken.root) == expected


def check_run_that_begins(store: LocalRuns, run: str, other: str, folder: Path) -> None:
    """A run that begins while another one is deleted may count on what is there."""
    busy = copy_of(store.root, folder / "busy")
    begun = []

    def begin(event: str) -> None:
        begun.append(event)
        if begun.count("os.rename") == 3:
            MEDDLER.act = None
            shutil.copytree(busy.folder(other), busy.folder("1"))

    assert delete(busy, [run], begin).waiting
    assert contents(busy.root) >= contents(store.root)


def check_locks(store: LocalRuns, run: str) -> None:
    """A run from R holds a lock, and two while it is resumed."""
    held = share(store.root, FLOW, RUN_LOCK)
    assert Deletion(store).plan([]).waiting
    resuming = share(store.root, FLOW, RESUME_LOCK)
    with pytest.raises(ResumeUnderWay):
        delete(store, [run])
    assert held and resuming
    held.close()
    resuming.close()


def test_what_other_runs_need_stays(
    start_flow: StartFlow, run_flow: StartFlow, tmp_path: Path
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("first")
    assert run_flow("old_runs.py", "--kind=a", "--tag=trial").status == 0
    (tmp_path / "fail").touch()
    notes.write_text("second")
    assert run_flow("old_runs.py", "--kind=b").status == 1
    (tmp_path / "fail").unlink()
    assert run_flow("old_runs.py", command="resume").status == 0
    root = str(tmp_path / ".metaflow")
    store = LocalRuns(root, FLOW)
    first, failed, resumed = run_ids(store)
    gang = tmp_path / ".metaflow/mf.ray_decorator" / FLOW
    for run in (first, resumed):
        (gang / run).mkdir(parents=True)
        (gang / run / "node").write_text("x" * 10_000)

        save_card(root, run)
    save_card(root, failed)

    whole = {run: everything(tmp_path, run) for run in (failed, resumed)}
    start = whole[resumed][f"{FLOW}/{resumed}/start/1"]
    assert start[0]["notes"] == "second" and start[4] == [f"a card of {failed}"]
    rows = {row["run_id"]: row for row in json.loads(for_r.table(FLOW))}
    assert [rows[run]["status"] for run in (first, failed, resumed)] == ["ok", "failed", "ok"]
    assert rows[first]["tags"] == ["trial"] and rows[first]["user"] == "tester"
    assert rows[failed]["finished"] > rows[failed]["started"]
    assert all(row["size"] > 100_000 for row in rows.values())

    # Nothing is deleted that the resumed run needs: its first tasks are those of the failed one.
    plan = Deletion(store).plan([first, failed])
    assert plan.go == [first] and plan.kept == {failed: resumed} and not plan.waiting
    assert Deletion(store).plan([failed, resumed]).kept == {}

    check_interruptions(store, first, tmp_path)
    check_run_that_begins(store, first, resumed, tmp_path)

    # Runs under way: a script's own process, and the locks of a run from R.
    stored = contents(root)
    (tmp_path / "wait").touch()
    live = start_flow("old_runs.py", "--kind=c")
    live.wait_for("waiting")
    new = run_ids(store)[-1]
    assert life(root, FLOW, new)["status"] == "running"
    assert for_r.describe(metaflow.Run(f"{FLOW}/{new}"))["status"] == "running"
    plan = delete(store, [first, new])
    assert plan.go == [first] and plan.kept == {new: "running"} and plan.waiting
    assert files(root) >= stored
    (tmp_path / "wait").unlink()
    assert live.wait().status == 0
    check_locks(store, new)
    plan = delete(store, [])
    assert plan.freed > 0 and not plan.waiting
    assert not contents(root) >= stored
    for run in (failed, resumed):
        assert everything(tmp_path, run) == whole[run]
    save_card(root, new)
    assert everything(tmp_path, new)[f"{FLOW}/{new}/end/2"][0]["own"] == ["c"] * 1000

    # Nor does Metaflow try to resume the run that was the last one.
    delete(store, run_ids(store))
    assert {path.split("/")[1] for path in files(root) if path.startswith(FLOW)} == {"_meta"}


def test_a_killed_run_is_aborted(start_flow: StartFlow, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    (tmp_path / "wait").touch()
    live = start_flow("old_runs.py")
    live.wait_for("waiting")
    os.killpg(live.process.pid, signal.SIGKILL)
    live.wait()
    assert metadata.choose(f"local@{tmp_path}") == ""
    metaflow.namespace(None)
    (run,) = metaflow.Flow(FLOW)
    told = for_r.describe(run)
    assert (told["status"], told["finished"]) == ("aborted", None)


def test_metadata_that_cannot_be_had_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from metaflow.plugins.metadata_providers import service

    monkeypatch.setattr(service, "SERVICE_RETRY_COUNT", 1)
    (tmp_path / ".metaflow").mkdir()
    assert metadata.choose(str(tmp_path)) == ""
    before = metaflow.get_metadata(), LocalStorage.datastore_root
    wrong = {
        f"local@{tmp_path}/nowhere": "Could not find directory",
        "https://localhost:9/service": "unreachable",
        "service@http://localhost:9": "unreachable",
    }
    for place, problem in wrong.items():
        assert problem in metadata.choose(place)
        assert (metaflow.get_metadata(), LocalStorage.datastore_root) == before
    assert capfd.readouterr() == ("", "")
