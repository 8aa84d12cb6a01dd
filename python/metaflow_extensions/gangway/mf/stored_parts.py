"""Parts of what Metaflow's store holds, where it was packed in pieces (`gzip_parts`).

Metaflow has no way to read less than a whole blob. Its S3 client can ask for a range of bytes; of
the other stores the blob is a file here, or is fetched as one, and only what is needed is unpacked.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any

from .gzip_parts import LONGEST_INDEX, Parts


@contextlib.contextmanager
def open_parts(datastore: Any, name: str) -> Iterator[Parts]:
    """Open the bytes of an artifact, to read parts of them.

    Parameters
    ----------
    datastore : TaskDataStore
        That of a task which has the artifact.
    name : str
        The artifact's name.

    Raises
    ------
    ValueError
        They were not packed in pieces, or are damaged.
    """
    store = datastore.parent_datastore.ca_store
    (key,) = datastore.keys_for_artifacts([name])
    storage = store._storage_impl
    path = storage.path_join(store._prefix, key[:2], key)
    with _s3(storage, path) if storage.TYPE == "s3" else _file(storage, path) as parts:
        yield parts


@contextlib.contextmanager
def _file(storage: Any, path: str) -> Iterator[Parts]:
    with storage.load_bytes([path]) as loaded:
        for _, file, _ in loaded:
            if file is None:
                break
            with open(file, "rb", buffering=0) as opened:
                yield Parts(functools.partial(_read, opened.fileno()), os.path.getsize(file))
                return
    raise ValueError("it is not there")


def _read(file: int, start: int, n: int) -> bytes:
    return os.pread(file, n, start)


@contextlib.contextmanager
def _s3(storage: Any, path: str) -> Iterator[Parts]:
    from metaflow import S3
    from metaflow.metaflow_config import ARTIFACT_LOCALROOT
    from metaflow.plugins.datatools.s3.s3 import S3GetObject

    with S3(
        s3root=storage.datastore_root,
        tmproot=ARTIFACT_LOCALROOT,
        external_client=storage.s3_client,
    ) as s3:
        tail = s3.get(S3GetObject(path, 0, -LONGEST_INDEX))
        size, last = tail.range_info.total_size, tail.blob

        def fetch(start: int, n: int) -> bytes:
            if start >= size - len(last):
                start -= size - len(last)
                return bytes(last[start : start + n])
            return bytes(s3.get(S3GetObject(path, start, n)).blob)

        yield Parts(fetch, size)
