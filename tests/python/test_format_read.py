"""What R has written, read and written again without R, is the same to the byte."""

from __future__ import annotations

import gzip
import shutil
import struct
import subprocess
from pathlib import Path

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from metaflow_extensions.gangway.rds.altrep import expand
from metaflow_extensions.gangway.rds.nodes import BYTECODE, CLOSURE, FormatError
from metaflow_extensions.gangway.rds.read import Reader, read
from metaflow_extensions.gangway.rds.scan import check_stream
from metaflow_extensions.gangway.rds.write import write

OBJECTS = Path(__file__).parent / "robjects"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "tidymodels_objects.rds"

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, bytes]]:
    """Objects by name: R's native serialization, and XDR."""
    folder = tmp_path_factory.mktemp("streams")
    script = [str(OBJECTS / "streams.R"), str(OBJECTS), str(folder)]
    subprocess.run(["Rscript", "--vanilla", *script], check=True)
    names = (folder / "names").read_text().splitlines()
    return {
        f"{i} {name}": tuple((folder / f"{i}.{kind}").read_bytes() for kind in ("native", "xdr"))
        for i, name in enumerate(names, start=1)
    }


@needs_r
def test_hundreds_of_objects_survive_to_the_byte(streams: dict[str, tuple[bytes, bytes]]) -> None:
    changed = {}
    for name, (native, xdr) in streams.items():
        for kind, data in (("native", native), ("xdr", xdr)):
            reader = Reader(data)
            if write(reader.run(), reader.header) != native or reader._pos != len(data):
                changed[name] = kind
            check_stream(data, len(data))
    assert len(streams) > 400
    assert not changed


@needs_r
def test_closures_come_with_their_bytecode(streams: dict[str, tuple[bytes, bytes]]) -> None:
    native = next(pair[0] for name, pair in streams.items() if name.endswith(" compiled"))
    closure = read(native)
    assert closure.type == CLOSURE and closure.value[2].type == BYTECODE


@needs_r
def test_numbers_that_are_not_strings_yet_are_written_as_r_does(
    streams: dict[str, tuple[bytes, bytes]],
) -> None:
    native = next(pair[0] for name, pair in streams.items() if name.endswith(" deferred"))
    assert expand(read(native)).value == [
        "0.1", "1e+05", "123456", "1e-05", None, "NaN", "-Inf", "0.333333333333333", "1e+15",
        "1e+300",
    ]  # fmt: skip


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED.name} is not there")
def test_objects_of_tidymodels_survive_to_the_byte() -> None:
    xdr = gzip.decompress(SHARED.read_bytes())
    reader = Reader(xdr)
    node = reader.run()
    native = write(node, reader.header)
    assert reader._pos == len(xdr)
    again = Reader(native)
    assert write(again.run(), again.header) == native
    check_stream(xdr, len(xdr))


def _nested(levels: int) -> bytes:
    one_element = struct.pack("<ii", 19, 1)
    return (
        b"B\n" + struct.pack("<iii", 2, 0x040202, 0x020300) + one_element * levels + b"\xfe\0\0\0"
    )


def test_depth_is_no_limit_of_pythons_and_has_one() -> None:
    assert write(read(_nested(50_000)))
    with pytest.raises(FormatError, match="nested deeper"):
        read(_nested(300_000))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "begin"),
        (b"A\n3\n", "begin"),
        (b"B\n\x04\0\0\0", "version 4"),
        (b"B\n\x03\0\0\0\0\0", "head"),
        (_nested(3)[:-4], "elements at byte"),
        (_nested(1)[:-12] + struct.pack("<ii", 14, 2**30), "elements at byte"),
        (_nested(1)[:-12] + struct.pack("<iiII", 19, -1, 2**16, 0), "elements at byte"),
        (_nested(1)[:-12] + b"\x0e", "ends within an object"),
        (
            _nested(1)[:-12] + struct.pack("<ii", 16, 1) + struct.pack("<ii", 9, 99),
            "99 bytes at byte",
        ),
        (_nested(1)[:-12] + struct.pack("<i", 100), "type 100"),
        (_nested(1)[:-12] + struct.pack("<i", 255 | 7 << 8), "reference to object 7"),
    ],
)
def test_what_r_does_not_write_is_named(data: bytes, found: str) -> None:
    with pytest.raises(FormatError, match=found):
        read(data)
