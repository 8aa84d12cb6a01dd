"""What the runs of a flow have in a local store: which files are theirs, and which they share.

Below the store's root there are

- ``FLOW/RUN/``: records, logs, and for each attempt of a task the names and keys of its artifacts;
- ``FLOW/data/KE/KEY`` and ``..._meta``: contents, stored once however many runs have them: of
  artifacts and of code packages;
- ``data/FLOW/KEY``: included files, which a parameter's content names;
- ``mf.cards/FLOW/runs/RUN/`` and ``mf.*/FLOW/RUN/``: cards, and what gangs have made.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from metaflow.datastore.flow_datastore import FlowDataStore
from metaflow.plugins.datastores.local_storage import LocalStorage

_KEY = re.compile(r"\b[0-9a-f]{40}\b")


@dataclass
class Uses:
    """What a run needs beside its own files.

    Attributes
    ----------
    files : set of str
        Paths of contents, whether they are there or not.
    origin : str, optional
        The run that this one was resumed from: logs and cards of its first tasks are still there.
    stored_here : bool
        Whether its artifacts are in this store, and not in another one, such as S3.
    """

    files: set[str] = field(default_factory=set)
    origin: str | None = None
    stored_here: bool = True


class LocalRuns:
    """The runs of a flow in a local store, those of all users.

    Parameters
    ----------
    root : str
        The store's root, a folder ``.metaflow``.
    flow : str
        The flow's name.
    """

    def __init__(self, root: str, flow: str) -> None:
        self.root = root
        self.flow = flow
        self.data = os.path.join(root, flow, "data")
        self.included = os.path.join(root, "data", flow)
        self._store = FlowDataStore(flow, storage_impl=LocalStorage, ds_root=root)

    def runs(self) -> list[str]:
        """Return the identifiers of all runs."""
        records = os.path.join(glob.escape(os.path.join(self.root, self.flow)), "*", "_meta")
        found = glob.glob(os.path.join(records, "_self.json"))
        return [os.path.basename(os.path.dirname(os.path.dirname(path))) for path in found]

    def folder(self, run: str) -> str:
        """Return the folder of a run; without it, it is no run."""
        return os.path.join(self.root, self.flow, run)

    def beside(self, run: str) -> list[str]:
        """Return the folders that a run has beside that one."""
        found = glob.glob(os.path.join(glob.escape(self.root), "mf.*", self.flow, run))
        cards = os.path.join(self.root, "mf.cards", self.flow, "runs", run)
        return [*found, *([cards] if os.path.isdir(cards) else [])]

    def uses(self, run: str) -> Uses:
        """Return what a run needs beside its own files.

        Whatever looks like a key counts as one: that keeps too much rather than too little.
        """
        uses = Uses()
        recorded = False
        keys: set[str] = set()
        for name, path in _files(self.folder(run)):
            if name.startswith("sysmeta_origin-run-id_"):
                uses.origin = uses.origin or _origin(_read(path))
            elif name.endswith(".data.json"):
                text = _read(path)
                keys.update(_KEY.findall(text))
                recorded = recorded or f"{os.sep}_parameters{os.sep}" in path
                if ".IncludedFile'" in text:
                    uses.files.update(self._included(_KEY.findall(text)))
            elif name.startswith("sysmeta_code-package") or name.endswith(
                (".local_metadata", "_self.json")  # the latter have the run's tags
            ):
                keys.update(_KEY.findall(_read(path)))
            elif name.startswith("0_artifact_") and f"{os.sep}_parameters{os.sep}" in path:
                uses.stored_here = False
        uses.stored_here = uses.stored_here or recorded
        for key in keys:
            path = os.path.join(self.data, key[:2], key)
            uses.files.update((path, path + "_meta"))
        return uses

    def _included(self, keys: Iterable[str]) -> Iterator[str]:
        # A parameter's content is small; that of another artifact need not be looked at.
        for key in keys:
            path = os.path.join(self.data, key[:2], key)
            if os.path.exists(path) and os.path.getsize(path) < 10_000:
                content = next(self._store.load_data([key]))[1].decode("latin1")
                yield from (os.path.join(self.included, k) for k in _KEY.findall(content))

    def contents(self) -> Iterator[str]:
        """Yield the paths of all contents, included files too; not what is being written."""
        for folder in (self.data, self.included):
            for name, path in _files(folder):
                if _KEY.fullmatch(name.removesuffix("_meta")):
                    yield path

    def size(self, run: str, uses: Uses) -> int:
        """Return how many bytes a run takes on disk, with all contents that it needs."""
        return self.own_size(run) + sum(map(disk_size, uses.files))

    def own_size(self, run: str) -> int:
        """Return how many bytes the files of a run alone take on disk."""
        return sum(tree_size(path) for path in [self.folder(run), *self.beside(run)])


def disk_size(path: str) -> int:
    """Return how many bytes a file takes on disk, 0 if there is none."""
    try:
        return os.lstat(path).st_blocks * 512
    except OSError:
        return 0


def tree_size(folder: str) -> int:
    """Return how many bytes a folder takes on disk."""
    total = disk_size(folder)
    for path, folders, names in os.walk(folder):
        total += sum(disk_size(os.path.join(path, name)) for name in (*folders, *names))
    return total


def _files(folder: str) -> Iterator[tuple[str, str]]:
    for path, _, names in os.walk(folder):
        for name in names:
            yield name, os.path.join(path, name)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _origin(text: str) -> str | None:
    found = re.search(r'"value": "([^"]+)"', text)
    return None if found is None or found[1] == "None" else found[1]
