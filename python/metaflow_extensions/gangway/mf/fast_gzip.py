"""Let Metaflow's datastore pack and unpack R's artifacts with isal: the same gzip, sooner.

Metaflow packs every blob with gzip at level 3, and that is most of the time that a large artifact
takes: 3 s of 3.3 s for 100 MB of random doubles. The package isal (Intel's igzip) writes ordinary
gzip, which any reader reads, of the same size in 0.2 s.

Metaflow has no switch for it. An extension can replace the module of the content-addressed store
altogether (``toplevel`` overrides), but that would change every flow on the machine, R or not, and
a copy of the class would have to follow Metaflow's. So this replaces the two methods of it that
turn bytes into gzip and back, in processes that ask for it: those of R flows and the R client. What
Metaflow calls version 1 of its format is gzip for good, because stored blobs name that version; a
later format would have other methods, which are left alone.

What is packed consists of pieces of which each can be unpacked by itself (`gzip_parts`), so that a
task of a foreach reads its own element. Without isal that is zlib's work. A piece that would not
get smaller (random doubles: by 4 %) is put in gzip as it is, which is read four times as fast.
Where Metaflow's methods are not what they were, everything stays as it is.
"""

from __future__ import annotations

import gzip
import inspect
import os
import shutil
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, BinaryIO

from . import gzip_parts

# Less is packed sooner than isal is imported (10 ms).
SMALLEST = 1 << 20

# Of isal's 0 to 3: nearly as fast as 0, and what it makes is as small as Metaflow's.
LEVEL = 1
_METAFLOW_LEVEL = 3

_CHUNK = 1 << 20

# Of a piece so many samples of so many bytes tell whether it is worth compressing: above this part
# of their size it is not.
_SAMPLES = 8
_SAMPLE = 1 << 12
_WORTH = 0.9


def enable() -> None:
    """Use isal for this process's blobs of a megabyte and more, where isal is installed."""
    from metaflow.datastore.content_addressed_store import ContentAddressedStore as Store

    methods = [getattr(Store, name, None) for name in ("_pack_v1", "_unpack_v1")]
    if all(_takes_a_blob(method) for method in methods):
        pack, unpack = methods
        Store._pack_v1, Store._unpack_v1 = _pack(pack), _unpack(unpack)  # type: ignore[method-assign]


def _takes_a_blob(method: Any) -> bool:
    # Not those of this module, which a second flow of the process would find.
    return (
        inspect.isfunction(method)
        and method.__module__ != __name__
        and list(inspect.signature(method).parameters) == ["self", "blob"]
    )


def _pack(plain: Any) -> Any:
    def pack(self: Any, blob: bytes) -> BytesIO:
        if len(blob) < SMALLEST:
            return plain(self, blob)  # type: ignore[no-any-return]
        compress = _compressor()
        return gzip_parts.pack(
            blob, lambda piece: compress(piece) if _shrinks(piece, compress) else _stored(piece)
        )

    return pack


def _compressor() -> Callable[[memoryview], bytes]:
    """Return what makes gzip of bytes: isal, or zlib at Metaflow's level."""
    try:
        from isal import isal_zlib
    except ImportError:
        return lambda piece: gzip.compress(piece, _METAFLOW_LEVEL, mtime=0)
    return lambda piece: isal_zlib.compress(piece, LEVEL, wbits=31)  # 31: with gzip's header


def _shrinks(piece: memoryview, compress: Callable[[memoryview], bytes]) -> bool:
    step = max(_SAMPLE, len(piece) // _SAMPLES)
    sample = b"".join(piece[i : i + _SAMPLE] for i in range(0, len(piece), step))
    return len(compress(memoryview(sample))) < _WORTH * len(sample)


def _stored(piece: memoryview) -> bytes:
    packer = zlib.compressobj(0, wbits=31)
    return packer.compress(piece) + packer.flush()


def _unpack(plain: Any) -> Any:
    def unpack(self: Any, blob: BinaryIO) -> bytes:
        if _file_size(blob) < SMALLEST:
            return plain(self, blob)  # type: ignore[no-any-return]
        try:
            from isal import igzip
        except ImportError:
            return plain(self, blob)  # type: ignore[no-any-return]
        # In pieces: reading it in one go holds all of it twice for a moment.
        whole = BytesIO()
        with igzip.IGzipFile(fileobj=blob, mode="rb") as file:
            shutil.copyfileobj(file, whole, _CHUNK)
        return whole.getvalue()

    return unpack


def _file_size(file: BinaryIO) -> int:
    try:
        return os.fstat(file.fileno()).st_size
    except OSError:  # not a file on a disk, which is what Metaflow hands over today
        return 0
