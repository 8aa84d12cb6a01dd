"""Crafted data: promises where R writes plain values (CVE-2024-27322)."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from metaflow_extensions.gangway.exceptions import ArtifactException
from metaflow_extensions.gangway.r.format import build
from metaflow_extensions.gangway.r.format.nodes import (
    CALL,
    CLOSURE,
    ENVIRONMENT,
    EXPRESSION,
    GLOBAL_ENVIRONMENT,
    LIST,
    NULL,
    PAIRLIST,
    PROMISE,
    SYMBOL,
    UNBOUND,
    Cell,
    Node,
)
from metaflow_extensions.gangway.r.format.scan import check_stream, may_hold_code
from metaflow_extensions.gangway.r.format.trailer import add_trailer
from metaflow_extensions.gangway.r.format.write import write
from metaflow_extensions.gangway.r.robject import RObject

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")

INFO = {"class": ["list"], "type": "list", "length": 1, "dim": None, "r": "4.2.2", "restore": []}


def promise(file: Path) -> Node:
    """A promise that leaves a file behind when it runs."""
    name, argument = Node(SYMBOL, "file.create"), build.character([str(file)])
    call = Node(CALL, ([Cell(None, name), Cell(None, argument)], None))
    return Node(PROMISE, (Node(GLOBAL_ENVIRONMENT), Node(UNBOUND), call))


def _many(node: Node) -> Node:
    return build.list_([*(build.double([1.5]) for _ in range(20_000)), node])


# How a promise is packed, and the R code that looks at it as any code would.
PACKED: dict[str, tuple[Callable[[Node], Node], str]] = {
    "the object": (lambda p: p, "print(x)"),
    "an element": (lambda p: build.list_([p]), "y <- x[[1]]; print(y)"),
    "one of many": (_many, "y <- x[[20001]]; print(y)"),
    "a column": (
        lambda p: build.list_([p], ["a"], {"class": build.character(["data.frame"])}),
        "y <- x$a; print(y)",
    ),
    "deep inside": (lambda p: build.list_([build.list_([p])]), "y <- x[[1]][[1]]; print(y)"),
    "an attribute": (
        lambda p: Node(LIST, [build.integer([1])], {"note": p}),
        "y <- attr(x, 'note'); print(y)",
    ),
    "an attribute of a vector": (
        lambda p: build.integer([1], {"note": p}),
        "y <- attr(x, 'note'); print(y)",
    ),
    "of an expression": (lambda p: Node(EXPRESSION, [p]), "y <- x[[1]]; print(y)"),
    "of a pairlist": (
        lambda p: Node(PAIRLIST, ([Cell(None, p)], None)),
        "y <- x[[1]]; print(y)",
    ),
    "of a pairlist in a list": (
        lambda p: build.list_([Node(PAIRLIST, ([Cell(None, p)], None))]),
        "y <- x[[1]][[1]]; print(y)",
    ),
    "an argument of a call": (
        lambda p: Node(CALL, ([Cell(None, Node(SYMBOL, "f")), Cell(None, p)], None)),
        "y <- x[[2]]; print(y)",
    ),
    "a default argument": (
        lambda p: Node(
            CLOSURE,
            (
                Node(GLOBAL_ENVIRONMENT),
                Node(PAIRLIST, ([Cell(Node(SYMBOL, "a"), p)], None)),
                Node(SYMBOL, "a"),
            ),
        ),
        "y <- formals(x)$a; print(y)",
    ),
}


@needs_r
@pytest.mark.parametrize("kind", PACKED)
def test_a_promise_among_values_runs_in_r_and_is_refused_here(kind: str, tmp_path: Path) -> None:
    left_behind = tmp_path / "it ran"
    pack, look = PACKED[kind]
    stream = write(pack(promise(left_behind)))
    stored = tmp_path / "stream"
    stored.write_bytes(stream)
    read_it = f"x <- unserialize(readBin('{stored}', 'raw', 1e7)); {look}"
    script = f"if (getRversion() < '4.4' || '{kind}' != 'the object') {{ {read_it} }} else q()"
    subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True)
    r_is_old = "TRUE" in _r("cat(getRversion() < '4.4')")
    assert left_behind.exists() or not r_is_old, "this is no attack"
    with pytest.raises(ArtifactException, match="a promise where R writes plain data"):
        RObject(add_trailer(stream, INFO)).check()


def _r(code: str) -> str:
    return subprocess.run(
        ["Rscript", "--vanilla", "-e", code], capture_output=True, text=True, check=True
    ).stdout


@needs_r
def test_an_engine_reads_no_promise(tmp_path: Path) -> None:
    pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
    from metaflow_extensions.gangway.r.engine import REngine

    left_behind = tmp_path / "it ran"
    value = RObject(add_trailer(write(build.list_([promise(left_behind)])), INFO))
    with pytest.raises(ArtifactException, match="a promise"):
        REngine.current().encode(value)
    with pytest.raises(ArtifactException, match="a promise"):
        value[0]
    assert not left_behind.exists()


def test_a_promise_in_the_other_byte_order_is_refused() -> None:
    head = b"X\n" + struct.pack(">iii", 2, 0x040202, 0x020300)
    stream = head + struct.pack(">iiii", 5 | 1 << 10, 253, 252, 254)
    with pytest.raises(ValueError, match="a promise"):
        check_stream(stream, len(stream))


def test_promises_that_are_variables_are_ordinary(tmp_path: Path) -> None:
    """R runs those only when the function or the environment is used."""
    cells = Node(PAIRLIST, ([Cell(Node(SYMBOL, "later"), promise(tmp_path))], None))
    chains = build.list_([Node(NULL), cells])
    for frame, table in ((cells, Node(NULL)), (Node(NULL), chains)):
        environment = Node(ENVIRONMENT, [0, Node(GLOBAL_ENVIRONMENT), frame, table])
        stream = write(build.list_([environment]))
        check_stream(stream, len(stream))


def test_data_is_told_from_code_by_its_names(tmp_path: Path) -> None:
    data = build.list_(
        [build.double([1.5]), build.character(["a", "bb", None])],
        ["x", "y"],
        {"class": build.character(["data.frame"]), "row.names": build.integer([None, -1])},
    )
    stream = write(data)
    assert not may_hold_code(stream, len(stream))
    stream = write(build.list_([data, promise(tmp_path)]))
    assert may_hold_code(stream, len(stream))
    for kind in (7, 8):  # functions of R itself need no name in the promise's environment
        stream = write(Node(kind, "system"))
        assert may_hold_code(stream, len(stream))
