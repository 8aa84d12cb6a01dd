"""No value looks like a mark: what is made of the formats' own bytes comes back as it was."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from typing import Any

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
pytest.importorskip("ray", reason="ray is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine import vectors
from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.engine.large_vectors import numbers_of, unserialize
from metaflow_extensions.gangway.exceptions import ArtifactException
from metaflow_extensions.gangway.r.robject import RObject
from metaflow_extensions.gangway.ray_r.host import ray_functions
from metaflow_extensions.gangway.ray_r.tasks import driver
from metaflow_extensions.gangway.ray_r.wire import LARGE, Blob, unpack_value
from metaflow_extensions.gangway.ray_r.worker import packed_outcome
from metaflow_extensions.gangway.rds.trailer import MAGIC, trailer

INFO = {
    "class": ["raw"],
    "type": "raw",
    "length": 1,
    "dim": None,
    "r": "4.2.2",
    "restore": [],
}

# What the formats are made of: R's head, lengths, what ends an artifact, what once ended a value.
known = [b"B\n\x03\0\0\0", b"X\n", MAGIC, b"gangwayC", b"gangway", b"\0\0\0\0", b"\xff" * 4]
pieces = st.one_of(
    st.sampled_from(known),
    st.integers(-(2**31), 2**31 - 1).map(lambda n: struct.pack("<i", n)),
    st.integers(0, 64).map(lambda n: struct.pack("<i", n)),
    st.integers(0, 99).map(lambda n: trailer(n, INFO)),
    st.just(json.dumps(INFO).encode()),
    st.binary(max_size=6),
)
raws = st.lists(pieces, max_size=6).map(b"".join)
long = st.tuples(raws, st.sampled_from([LARGE - 64, LARGE + 3]), raws).map(
    lambda t: t[0] + bytes(t[1]) + t[2]
)
texts = st.sampled_from(["gangwayR", "gangwayC", "gangway", "B\n", "", "gangway_packed"])
values = st.recursive(
    raws | texts | long,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts.filter(bool), inner, max_size=3)
    ),
    max_leaves=5,
)
said = st.lists(raws.filter(bool) | texts, max_size=3)
patiently = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


def in_r(value: Any) -> Any:
    engine = REngine.current()
    return engine._runtime["decode"](engine.encode(value))


def identical(x: Any, y: Any) -> bool:
    return bool(REngine.current()._ri.baseenv["identical"](x, y)[0])


def sent(written: Any) -> Any:
    """What another process has of what runtime's write_outcome() gave."""
    if written.typeof == REngine.current()._ri.RTYPES.RAWSXP:
        written = vectors.raw_to_bytes(written)
    packed = packed_outcome(written)
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(packed, protocol=5, buffer_callback=buffers.append)
    return pickle.loads(data, buffers=buffers)


def received(x: Any, heard: Any) -> tuple[Any, bytes]:
    """What R makes of a value with conditions that another process has sent, and its bytes."""
    runtime, ri = REngine.current()._runtime, REngine.current()._ri
    arrived = sent(runtime["write_outcome"](x, heard))
    head, front, rest = unpack_value(arrived)
    data = front + bytes(rest)
    if isinstance(arrived, Blob):
        reader = ri.evalr("function(bytes) function(hook) unserialize(bytes, refhook = hook)")
        parts = [vectors.bytes_to_raw(head), reader(vectors.bytes_to_raw(data))]
    else:
        parts = [vectors.bytes_to_raw(arrived)]
    return runtime["read_outcome"](*parts), data


@pytest.mark.parametrize(
    "code",
    [
        "c(NA, NaN, Inf, -0, runif(2e6))",
        "rep(c(1L, NA), 2e6)",
        "rep(c(TRUE, NA), 2e6)",
        "as.raw(rep(0:255, 4e4))",
    ],
)
@pytest.mark.parametrize("conditions", [[], ["said"]])
def test_large_numbers_are_taken_from_r_itself(code: str, conditions: list[Any]) -> None:
    """With what R would write before them: the bytes are those of serialize()."""
    engine = REngine.current()
    engine.provide(ray_functions(engine, lambda: driver))
    x, heard = engine._ri.evalr(code), in_r([conditions, 1])[0]
    assert len(engine._runtime["write_outcome"](x, heard)) == 3, "no raw vector"
    outcome, data = received(x, heard)
    assert identical(outcome[0], x)
    assert len(outcome) == 1 + bool(conditions)
    serialized = engine._ri.baseenv["serialize"](
        x, engine._ri.NULL, xdr=engine._ri.BoolSexpVector([False])
    )
    assert data == vectors.raw_to_bytes(serialized)
    front = vectors.raw_to_bytes(engine._runtime["front_of"](x))
    again = unserialize(data[len(front) :], engine._ri.baseenv["unserialize"], front)
    assert identical(again, x)


def test_a_sequence_has_no_numbers_to_take() -> None:
    engine = REngine.current()
    functions = ray_functions(engine, lambda: driver)
    assert functions
    sequence = engine._ri.evalr("1:3e6")
    assert engine._runtime["decode"](engine._runtime["is_altrep"](sequence))[0]
    assert numbers_of(sequence) is None


@patiently
@given(values, said)
def test_a_value_on_ray_comes_back_with_what_was_said(value: Any, conditions: list[Any]) -> None:
    runtime = REngine.current()._runtime
    x, heard = in_r(value), in_r([conditions, 1])[0]
    outcome, data = received(x, heard)
    assert identical(outcome[0], x)
    assert len(outcome) == 1 if not conditions else identical(outcome[1], heard)
    # As an argument of another task the value alone is read.
    assert identical(runtime["open_parcel"](vectors.bytes_to_raw(data)), x)


@patiently
@given(values)
def test_an_artifact_comes_back(value: Any) -> None:
    engine = REngine.current()
    x = in_r(value)
    stored = engine.decode(engine._runtime["encode"](x))
    assert identical(in_r(stored), x)
    if isinstance(stored, RObject):
        RObject(stored.data).check()


@patiently
@given(raws, raws, st.data())
def test_a_part_of_an_artifact_is_none(first: bytes, last: bytes, data: st.DataObject) -> None:
    engine = REngine.current()
    whole, end = b"", 0
    for _ in range(2):  # the value's own bytes end the part as an artifact ends, with its length
        inner = trailer(end, INFO)
        value = in_r(b"!" + first + inner + last + b"!")
        whole = engine.decode(engine._runtime["encode"](value)).data
        end = whole.index(b"!" + first + inner) + 1 + len(first)
    part = RObject(whole[: end + len(inner)])
    assert part.info["bytes"] == end
    with pytest.raises(ArtifactException):
        part.check()
    with pytest.raises(ArtifactException):
        RObject(whole[: data.draw(st.integers(0, len(whole) - 1))]).check()
