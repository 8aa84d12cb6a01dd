"""R's error where Python asks R for memory is an exception: it does not jump out of Python."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from typing import Any

import metaflow  # noqa: F401  (before an extension's module)
import pytest

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine.calls import Calls
from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.engine.large_vectors import unserialize
from metaflow_extensions.gangway.engine.vectors import bytes_to_raw, raw_to_bytes
from rpy2.rinterface_lib.embedded import RRuntimeError

MB = 1 << 20


@pytest.fixture
def ri() -> Any:
    REngine.current()
    import rpy2.rinterface

    return rpy2.rinterface


@pytest.fixture
def narrow(ri: Any) -> Iterator[None]:
    """R may take 50 MB more than it sets its heap aside for."""
    ri.evalr("mem.maxVSize(gc()[2, 4] + 50)")
    yield
    ri.evalr("mem.maxVSize(Inf)")


@pytest.fixture
def big() -> bytes:
    return bytes(400 * MB)


def alive(ri: Any) -> None:
    """R works, and so does what Python has begun around it."""
    assert raw_to_bytes(ri.evalr("as.raw(1:3)")) == b"\1\2\3"
    assert Calls(ri.evalr("new.env()")).call_with_bytes("rev", b"abc") == b"cba"


@pytest.mark.usefixtures("narrow")
def test_no_room_for_bytes_is_an_exception(ri: Any, big: bytes) -> None:
    for _ in range(3):
        with pytest.raises(MemoryError, match=r"R has no room for 419,430,400 bytes"):
            bytes_to_raw(big)
        with pytest.raises(MemoryError, match="R has no room"):
            Calls(ri.evalr("new.env()")).call_with_bytes("length", big)
    alive(ri)


@pytest.mark.usefixtures("narrow")
def test_no_room_in_a_call_of_python_is_an_error_of_that_call(ri: Any, big: bytes) -> None:
    engine = REngine.current()
    engine.provide({"give": lambda: big})
    try:
        caught = ri.evalr("function(py) tryCatch(py$give(), error = conditionMessage)")
        said = caught(engine._runtime["py"])
    finally:
        engine.provide({})
    assert "R has no room for" in said[1][0]
    alive(ri)


@pytest.mark.usefixtures("narrow")
def test_no_room_for_a_large_vector_or_a_long_text_is_an_exception(ri: Any, big: bytes) -> None:
    stream = raw_to_bytes(ri.evalr("serialize(as.raw(1), NULL, xdr = FALSE)"))
    large = stream[:-5] + struct.pack("<i", len(big)) + big
    with pytest.raises(RRuntimeError, match="memory"):
        unserialize(large, ri.evalr("unserialize"))
    with pytest.raises(MemoryError):
        REngine.current().evaluate("identity", "x" * len(big))
    alive(ri)


def test_attributes_that_do_not_fit_are_an_exception(ri: Any) -> None:
    """C's function for them would jump as well: the dimensions are those of another matrix."""
    stream = raw_to_bytes(ri.evalr("serialize(matrix(runif(4e5), 2), NULL, xdr = FALSE)"))
    wrong = stream.replace(struct.pack("<ii", 2, 200_000), struct.pack("<ii", 3, 200_000))
    assert len(wrong) == len(stream) and wrong != stream
    with pytest.raises(RRuntimeError, match="dims"):
        unserialize(wrong, ri.evalr("unserialize"))
    alive(ri)
