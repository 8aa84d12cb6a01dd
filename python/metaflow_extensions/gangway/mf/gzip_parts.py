"""Gzip of which parts can be read: pieces that are packed by themselves, and an index of them.

Gzip may consist of several members, and any reader gives their bytes one after another. The last
member is empty: the index is in its header's "extra field", which readers pass over.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

# A piece takes 3 ms to unpack, and gzip finds little more in larger ones.
PIECE = 1 << 20
# An extra field has 64 kB.
_MOST_PIECES = 16_000

_HEAD = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff"  # gzip, deflate, with an extra field; no time, no system
_EMPTY = b"\x03\0" + bytes(8)  # no bytes, their checksum and number
_SUBFIELD = b"GW"
_MAGIC = b"gangwayP"
_END = struct.Struct("<H8s")  # the extra field's length again, for readers that come from the end
_SIZES = struct.Struct("<QQ")  # of a piece, of the whole
# Bytes of the longest index.
LONGEST_INDEX = len(_HEAD) + 2 + 0xFFFF + len(_EMPTY)


def pack(blob: bytes, compress: Callable[[memoryview], bytes]) -> BytesIO:
    """Pack bytes.

    Parameters
    ----------
    blob : bytes
        What to pack.
    compress : callable
        Makes gzip of a piece.
    """
    size = max(PIECE, -(-len(blob) // _MOST_PIECES))
    packed, sizes = BytesIO(), []
    with memoryview(blob) as view:
        for start in range(0, len(blob), size):
            sizes.append(packed.write(compress(view[start : start + size])))
    packed.write(_index(size, len(blob), sizes))
    return BytesIO(packed.getvalue())  # the same memory, which its read() gives out uncopied


class Parts:
    """Packed bytes of which parts are read.

    Parameters
    ----------
    fetch : callable
        Gives the packed bytes from a position on, so many.
    packed : int
        How many there are.

    Attributes
    ----------
    size : int
        How many bytes are packed.
    unpacked : int
        How many have been unpacked so far.

    Raises
    ------
    ValueError
        They have no index, or are damaged.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], packed: int) -> None:
        self._fetch = fetch
        self.unpacked = 0
        self._decompress = _decompressor()
        self._last: tuple[int, bytes] = (-1, b"")
        start = max(0, packed - LONGEST_INDEX)
        self.size, self._piece, self._starts = _read_index(fetch(start, packed - start), packed)

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from `start` up to `stop`."""
        out = BytesIO()
        self.copy(start, stop, out)
        return out.getvalue()

    def copy(self, start: int, stop: int, out: BytesIO) -> None:
        """Write the bytes from `start` up to `stop`, of which only a piece is held at a time."""
        if not 0 <= start <= stop <= self.size:
            raise ValueError(f"bytes {start} to {stop} of {self.size}")
        while start < stop:
            i, offset = divmod(start, self._piece)
            piece = self._unpack(i)
            with memoryview(piece) as view:
                start += out.write(view[offset : offset + stop - start])

    def _unpack(self, i: int) -> bytes:
        if self._last[0] != i:
            start, stop = self._starts[i], self._starts[i + 1]
            packed = self._fetch(start, stop - start)
            try:
                piece = self._decompress(packed, wbits=31)
            except Exception as error:  # zlib's, or isal's
                raise ValueError(f"piece {i}: {error}") from None
            self.unpacked += len(piece)
            if len(piece) != min(self._piece, self.size - i * self._piece):
                raise ValueError(f"piece {i} has {len(piece)} bytes")
            self._last = i, piece
        return self._last[1]


def _decompressor() -> Callable[..., bytes]:
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.decompress
    return isal_zlib.decompress  # type: ignore[no-any-return]


def _index(piece: int, size: int, sizes: list[int]) -> bytes:
    data = _SIZES.pack(piece, size) + struct.pack(f"<{len(sizes)}I", *sizes)
    length = 4 + len(data) + _END.size  # with the subfield's own head
    data += _END.pack(length, _MAGIC)
    field = _SUBFIELD + struct.pack("<H", len(data)) + data
    return b"".join((_HEAD, struct.pack("<H", length), field, _EMPTY))


def _read_index(tail: bytes, packed: int) -> tuple[int, int, list[int]]:
    end = len(tail) - len(_EMPTY)
    if end < _END.size or tail[end:] != _EMPTY:
        raise ValueError("no index")
    length, magic = _END.unpack_from(tail, end - _END.size)
    field = tail[end - length : end]
    if magic != _MAGIC or len(field) != length or field[:2] != _SUBFIELD:
        raise ValueError("no index")
    piece, size = _SIZES.unpack_from(field, 4)
    count = (length - 4 - _SIZES.size - _END.size) // 4
    starts = [0]
    for n in struct.unpack_from(f"<{count}I", field, 4 + _SIZES.size):
        starts.append(starts[-1] + n)
    rest = len(_HEAD) + 2 + length + len(_EMPTY)
    if starts[-1] + rest != packed or piece <= 0 or count != -(-size // piece):
        raise ValueError("the index is damaged")
    return size, piece, starts
