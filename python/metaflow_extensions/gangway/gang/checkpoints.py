"""Checkpoints of a gang's step, from which the next attempt goes on.

A checkpoint has one part from each rank that stores. Its files come first, its list of files last,
in one write: what is not listed was not stored. A checkpoint is whole when all its parts are
listed, so ranks need not wait for each other, and one may be killed at any moment. No try writes
into another's files: each has an attempt and a restart (torchrun's), and what a rank stores has a
folder of its own.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..exceptions import GangAttributeException
from ..mf.storage import files_below, save_files, storage_at, storage_of

# Says to what a task starts where its checkpoints are.
PLACE = "GANGWAY_CHECKPOINTS"
_NAME = re.compile(r"\w[\w.-]*")
_CHECKPOINT = re.compile(r"(\d+)-(\d+)-(\d+)")
_PART = re.compile(r"(\d+)-of-(\d+)\.json")


class _Checkpoint(NamedTuple):
    number: int
    attempt: int
    restart: int

    @property
    def folder(self) -> str:
        return "-".join(map(str, self))


class GangCheckpoints:
    """The checkpoints of a gang's step: `current.gang_checkpoints`; in ranks `GangCheckpoints()`.

    They belong to the run, the step and its gang, on the run's datastore, and all attempts share
    them. An object can be handed to Ray's tasks and actors.

    Raises
    ------
    GangAttributeException
        Where no gang's task has started this process.

    Examples
    --------
    In a script that `current.torch.run()` starts::

        checkpoints = GangCheckpoints()
        with tempfile.TemporaryDirectory() as folder:
            last = checkpoints.load(folder)
            if last is not None:
                model.load_state_dict(torch.load(f"{folder}/model.pt"))
        for epoch in range(0 if last is None else last + 1, epochs):
            train(model)
            if dist.get_rank() == 0:
                with tempfile.TemporaryDirectory() as folder:
                    torch.save(model.state_dict(), f"{folder}/model.pt")
                    checkpoints.save(folder, epoch)
    """

    # Where pickle finds it: this package can be loaded through metaflow only.
    __module__ = "metaflow"

    def __init__(self) -> None:
        if PLACE not in os.environ:
            raise GangAttributeException(
                "GangCheckpoints(): this process belongs to no step with a gang decorator, such as "
                "@torchrun. Call it in the step, or in a script that the step starts."
            )
        place = json.loads(os.environ[PLACE])
        self._kind, self._root = place["type"], place["root"]
        self._base, self._attempt = place["path"], place["attempt"]

    def save(
        self, folder: str, number: int, rank: int = 0, ranks: int = 1, name: str = "default"
    ) -> None:
        """Store a folder as a checkpoint, or as this rank's part of one.

        Parameters
        ----------
        folder : str
            The local folder that has the files, and nothing else.
        number : int
            Where the work has come, such as the epoch that is done: `load` takes the highest.
        rank, ranks : int
            Where several ranks store, who this one is, and how many they are: the checkpoint
            counts when all have stored. Their files must have different names.
        name : str
            Whose checkpoint it is, where a step trains several models.
        """
        number, rank, ranks = (
            _whole(what, value)
            for what, value in (("number", number), ("rank", rank), ("ranks", ranks))
        )
        if rank >= ranks:
            raise GangAttributeException(
                f"GangCheckpoints.save(): rank={rank} of ranks={ranks}; ranks count from 0."
            )
        if not os.path.isdir(folder):
            raise GangAttributeException(f"GangCheckpoints.save(): there is no folder {folder!r}.")
        storage = self._storage()
        # torchrun may start all ranks again within an attempt.
        restart = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"))
        base = f"{self._of(name)}/{_Checkpoint(number, self._attempt, restart).folder}"
        files = f"{base}/{rank}-{secrets.token_hex(4)}"
        sizes = {each: os.path.getsize(os.path.join(folder, each)) for each in files_below(folder)}
        save_files(storage, ((f"{files}/{each}", os.path.join(folder, each)) for each in sizes))
        listed = json.dumps({"folder": files, "sizes": sizes}).encode()
        storage.save_bytes([(f"{base}/{rank}-of-{ranks}.json", io.BytesIO(listed))], overwrite=True)

    def load(self, folder: str, name: str = "default") -> int | None:
        """Copy the last whole checkpoint into a local folder, with the parts of all ranks.

        Parameters
        ----------
        folder : str
            The folder, which is made if need be.
        name : str
            Whose checkpoint it is, where a step trains several models.

        Returns
        -------
        int or None
            The checkpoint's number; None if there is none, and nothing is copied.
        """
        storage = self._storage()
        for checkpoint in sorted(self._found(storage, self._of(name)), reverse=True):
            files = self._files(storage, f"{self._of(name)}/{checkpoint.folder}")
            if files is not None and _fetch(storage, files, folder):
                return checkpoint.number
        return None

    def _storage(self) -> Any:
        return storage_at(self._kind, self._root)

    def _of(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise GangAttributeException(
                f"GangCheckpoints: name={name!r} has other characters than letters, digits, ._-"
            )
        return f"{self._base}/{name}"

    def _found(self, storage: Any, base: str) -> Iterator[_Checkpoint]:
        for each in storage.list_content([base]):
            if found := _CHECKPOINT.fullmatch(os.path.basename(each.path.rstrip("/"))):
                yield _Checkpoint(*map(int, found.groups()))

    def _files(self, storage: Any, base: str) -> dict[str, tuple[str, int]] | None:
        """Say where a whole checkpoint's files are, and their sizes, by name."""
        parts: dict[int, dict[int, str]] = {}
        for each in storage.list_content([base]):
            if found := _PART.fullmatch(os.path.basename(each.path)):
                parts.setdefault(int(found[2]), {})[int(found[1])] = each.path
        whole = next((paths for ranks, paths in parts.items() if len(paths) == ranks), None)
        if whole is None:
            return None
        files: dict[str, tuple[str, int]] = {}
        for listed in _read(storage, list(whole.values())):
            if twice := files.keys() & listed["sizes"]:
                raise GangAttributeException(
                    f"GangCheckpoints.load(): two ranks have stored a file {min(twice)!r}. Let "
                    "each rank store files of other names, as in f'rank-{rank}.pt'."
                )
            folder, sizes = listed["folder"], listed["sizes"]
            files |= {each: (f"{folder}/{each}", size) for each, size in sizes.items()}
        return files


def environment(
    flow_datastore: Any, folder: str, parts: tuple[str, ...], attempt: int
) -> dict[str, str]:
    """Give the variable that tells a task's processes where its checkpoints are."""
    root = flow_datastore.datastore_root
    place = {
        "type": flow_datastore.TYPE,
        "root": os.path.abspath(root) if flow_datastore.TYPE == "local" else root,
        "path": storage_of(flow_datastore).path_join(folder, *parts),
        "attempt": attempt,
    }
    return {PLACE: json.dumps(place)}


def _whole(what: str, value: Any) -> int:
    # R's numbers are floats.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or value < 0 or value % 1 != 0:
        raise GangAttributeException(
            f"GangCheckpoints.save(): {what}={value!r} is no whole number from 0 on."
        )
    return int(value)


def _read(storage: Any, paths: list[str]) -> list[dict[str, Any]]:
    with storage.load_bytes(paths) as loaded:
        return [json.loads(_bytes_of(path)) for _, path, _ in loaded]


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _fetch(storage: Any, files: dict[str, tuple[str, int]], folder: str) -> bool:
    """Copy a checkpoint's files; none of them, if one is not there as it was stored."""
    paths = [key for key, _ in files.values()]
    with storage.load_bytes(paths) as loaded:
        here = {key: path for key, path, _ in loaded}
        for key, size in files.values():
            if here[key] is None or os.path.getsize(here[key]) != size:
                return False
        os.makedirs(folder, exist_ok=True)
        for name, (key, _) in files.items():
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            # Several ranks may fetch into one folder at a time: each file appears at once.
            part = f"{target}.{secrets.token_hex(4)}"
            shutil.copyfile(here[key], part)
            os.replace(part, target)
    return True
