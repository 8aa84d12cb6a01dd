"""Objects built in Python, as R reads them, and as they come back."""

from __future__ import annotations

import math
import shutil
import struct
from typing import Any

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaflow_extensions.gangway.rds import build
from metaflow_extensions.gangway.rds.altrep import expand
from metaflow_extensions.gangway.rds.nodes import (
    CALL,
    DOUBLE,
    ENVIRONMENT,
    GLOBAL_ENVIRONMENT,
    LIST,
    NULL,
    PAIRLIST,
    SYMBOL,
    Cell,
    EncodedString,
    FormatError,
    Node,
)
from metaflow_extensions.gangway.rds.read import read
from metaflow_extensions.gangway.rds.trailer import add_trailer, read_trailer
from metaflow_extensions.gangway.rds.write import write
from metaflow_extensions.gangway.values.describe import describe

pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
if shutil.which("R") is None:
    pytest.skip("R is not installed", allow_module_level=True)

from metaflow_extensions.gangway.engine.engine import REngine
from metaflow_extensions.gangway.engine.vectors import bytes_to_raw, raw_to_bytes

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
strings = st.one_of(
    st.none(),
    texts,
    st.builds(
        EncodedString, st.binary().map(lambda b: b"\xff" + b.replace(b"\0", b"")), st.just(2)
    ),
)
int32 = st.integers(-(2**31) + 1, 2**31 - 1)
vectors = st.one_of(
    st.builds(build.null),
    st.builds(build.logical, st.lists(st.none() | st.booleans())),
    st.builds(build.integer, st.lists(st.none() | int32)),
    st.builds(build.double, st.lists(st.none() | st.floats())),
    st.builds(build.complex_, st.lists(st.none() | st.complex_numbers())),
    st.builds(build.raw, st.binary()),
    st.builds(build.character, st.lists(strings)),
)
names = st.text(st.characters(categories=("Ll", "Nd")), min_size=1)


def _with_attributes(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Lists, with attributes or names, and pairlists."""
    attributes = st.dictionaries(
        names.map(lambda n: "my_" + n), children.filter(lambda n: n.type != NULL), max_size=3
    )
    lists = st.builds(
        lambda values, more: Node(LIST, values, more or None), st.lists(children), attributes
    )
    named = st.lists(st.tuples(texts, children)).map(
        lambda pairs: build.list_([v for _, v in pairs], [n for n, _ in pairs])
    )
    tags = st.none() | names.map(lambda n: Node(SYMBOL, n))
    cells = st.lists(st.builds(Cell, tags, children, st.just(0)), min_size=1)
    pairlists = cells.map(lambda c: Node(PAIRLIST, (c, None)))
    return lists | named | pairlists


trees = st.recursive(vectors, _with_attributes, max_leaves=12)


def through_r(node: Node) -> Node:
    """Let R read an object and write it again."""
    again = REngine.current()._ri.evalr(
        "function(bytes) serialize(unserialize(bytes), NULL, xdr = FALSE, version = 3)"
    )
    return read(raw_to_bytes(again(bytes_to_raw(write(node)))))


def same(a: Any, b: Any) -> bool:
    """Whether two trees are the same object, also where R has chosen a compact form."""
    if isinstance(a, Node) and isinstance(b, Node):
        a, b = expand(a), expand(b)
        return (
            a.type == b.type
            and same(a.attributes or {}, b.attributes or {})
            and same(a.value, b.value)
        )
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, (list, tuple)) and not isinstance(a, EncodedString):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@settings(max_examples=60, deadline=None)
@given(trees)
def test_any_tree_survives_r(node: Node) -> None:
    assert same(node, through_r(node))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(), min_size=1), st.integers(-5, 5))
def test_doubles_become_strings_as_in_r(values: list[float], power: int) -> None:
    values = [v * 10.0**power for v in values] + [10.0**power, 0.1 + 0.2]
    base = REngine.current()._ri.baseenv
    data = bytes_to_raw(write(build.double(values)))
    deferred = base["as.character"](base["unserialize"](data))
    stream = raw_to_bytes(base["serialize"](deferred, REngine.current()._ri.NULL, xdr=False))
    assert b"deferred_string" in stream
    assert expand(read(stream)).value == list(deferred)


def test_an_environment_may_hold_itself() -> None:
    loop = Node(ENVIRONMENT, [0, Node(GLOBAL_ENVIRONMENT)])
    loop.value += [Node(PAIRLIST, ([Cell(Node(SYMBOL, "self"), loop)], None)), Node(NULL)]
    again = through_r(build.list_([loop, loop]))
    first, second = again.value
    assert first is second
    cells = [
        c
        for chain in (first.value[2], *(first.value[3].value or []))
        if chain.value
        for c in chain.value[0]
    ]
    assert [c.tag.value for c in cells] == ["self"] and cells[0].value is first


def test_calls_and_long_vectors() -> None:
    call = Node(CALL, ([Cell(None, Node(SYMBOL, "+")), Cell(None, build.double([1.0]))], None))
    assert same(call, through_r(call))
    numbers = build.double([float(i) for i in range(100_000)])
    assert same(numbers, through_r(numbers))
    assert isinstance(through_r(numbers).value, memoryview)


def test_na_and_nan_stay_apart() -> None:
    node = through_r(build.double([None, math.nan, -0.0]))
    bits = struct.unpack("<3Q", bytes(node.value))
    assert node.type == DOUBLE
    assert [b & 0xFFFFFFFF for b in bits] == [1954, 0, 0]
    assert bits[2] == 1 << 63


def test_numpy_arrays_are_written_by_column() -> None:
    np = pytest.importorskip("numpy")
    matrix = np.arange(6.0).reshape(2, 3)
    for values in (matrix, np.asfortranarray(matrix), matrix[:, ::-1][:, ::-1]):
        node = build.double(values)
        assert bytes(node.value) == matrix.tobytes(order="F")
    assert (
        bytes(build.integer(np.arange(4, dtype="i8")).value) == np.arange(4, dtype="i4").tobytes()
    )
    assert build.double(np.empty(0)).value == b""


def test_r_does_not_see_the_trailer() -> None:
    node = build.list_([build.integer([1, 2])], ["a"])
    blob = add_trailer(write(node), describe(node, "4.2.2"))
    base = REngine.current()._ri.baseenv
    value = base["unserialize"](bytes_to_raw(blob))
    assert list(value[0]) == [1, 2]
    info = read_trailer(blob)
    assert (info["class"], info["length"], info["dim"], info["r"]) == (["list"], 1, None, "4.2.2")


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda blob: b"", "0 bytes"),
        (lambda blob: blob[:-1], "truncated"),
        (lambda blob: b"\x80\x04" + blob[2:], "begin with"),
        (lambda blob: blob[:-12] + b"\xff\xff\xff\xff" + blob[-8:], "description"),
        (lambda blob: blob[:20] + blob[21:], "bytes, where"),
        (lambda blob: blob.replace(b'"version":1', b'"version":9'), "later gangway"),
        (lambda blob: blob.replace(b'"class"', b'"klass"'), "description"),
    ],
)
def test_damage_of_the_trailer_is_named(change: Any, found: str) -> None:
    node = build.integer([1, 2, 3])
    blob = add_trailer(write(node), describe(node, "4.2.2"))
    with pytest.raises(FormatError, match=found):
        read_trailer(change(blob))
