"""Read an artifact of many tasks in few requests, each content once.

Metaflow reads one artifact of one task at a time, and its S3 client takes its time for each
request. Its store asks a cache first: here one that fetches the next contents together when the
first of them is asked for, and forgets each with its last reader.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

# Read together: so many contents, or what exceeds so many bytes.
_MOST = 100
_MOST_BYTES = 1 << 26


@contextlib.contextmanager
def read_ahead(datastores: Sequence[Any], name: str) -> Iterator[None]:
    """While this is open, tasks' artifacts of a name are read together.

    Parameters
    ----------
    datastores : sequence of TaskDataStore
        Those of the tasks, in the order in which they will be read.
    name : str
        The artifact.
    """
    having = [one for one in datastores if name in dict(one.items())]
    # The inputs of a join that is spun are read through another class.
    if len(having) < 2 or not hasattr(having[0], "parent_datastore"):
        yield
        return
    store = having[0].parent_datastore.ca_store
    former = store._blob_cache
    store.set_blob_cache(_Ahead(store, former, having, name))
    try:
        yield
    finally:
        store.set_blob_cache(former)


class _Ahead:
    """A cache as Metaflow's ``BlobCache``."""

    def __init__(self, store: Any, former: Any, datastores: Sequence[Any], name: str) -> None:
        self._store, self._former = store, former
        keys = [dict(one.items())[name] for one in datastores]
        self._readers = Counter(keys)
        sizes = {
            key: one._info[name].get("size", 0) for key, one in zip(keys, datastores, strict=True)
        }
        self._left = iter(list(sizes.items()))
        self._blobs: dict[str, bytes] = {}

    def load_key(self, key: str) -> bytes | None:
        known = self._former.load_key(key) if self._former else None
        if known is not None or key not in self._readers:
            return known
        if key not in self._blobs:
            self._fetch(key)
        self._readers[key] -= 1
        return self._blobs.get(key) if self._readers[key] > 0 else self._blobs.pop(key, None)

    def store_key(self, key: str, blob: bytes) -> None:
        if self._former:
            self._former.store_key(key, blob)

    def _fetch(self, key: str) -> None:
        wanted, total = [], 0
        for one, size in self._left:
            wanted.append(one)
            total += size
            if len(wanted) >= _MOST or total >= _MOST_BYTES:
                break
        if key not in wanted:  # read in another order
            wanted.append(key)
        self._store.set_blob_cache(self._former)
        try:
            self._blobs.update(self._store.load_blobs(wanted))
        finally:
            self._store.set_blob_cache(self)
