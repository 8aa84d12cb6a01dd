"""Make crafted.json: serializations that R never writes, and the R code that looks at each.

usage: PYTHONPATH=python .venv/bin/python tests/python/robjects/craft.py

In each a promise stands where R writes a value. It leaves the file "it ran" behind when it runs.
The bytes are kept, not made by the tests: no change of the writer may change what is refused.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import metaflow  # noqa: F401  (before an extension's module)
from metaflow_extensions.gangway.rds import build
from metaflow_extensions.gangway.rds.nodes import (
    BYTECODE,
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
from metaflow_extensions.gangway.rds.write import write

GLOBAL, NONE = Node(GLOBAL_ENVIRONMENT), Node(NULL)


def symbol(name: str) -> Node:
    return Node(SYMBOL, name)


def pairs(**values: Node) -> Node:
    return Node(PAIRLIST, ([Cell(symbol(n), v) for n, v in values.items()], None))


def call(*parts: Node) -> Node:
    return Node(CALL, ([Cell(None, part) for part in parts], None))


def function(environment: Node = GLOBAL, formals: Node = NONE, body: Node | None = None) -> Node:
    return Node(CLOSURE, (environment, formals, body or symbol("a")))


def variable(value: Node, enclosure: Node = GLOBAL) -> Node:
    return Node(ENVIRONMENT, [0, enclosure, pairs(v=value), NONE])


def ran(value: Node, code: Node) -> Node:
    return Node(PROMISE, (None, value, code))


PROMISE_THAT_RUNS = Node(
    PROMISE,
    (GLOBAL, Node(UNBOUND), call(symbol("file.create"), build.character(["it ran"]))),
)
ONE = build.integer([1])
Made = tuple[Callable[[Node], Node], str]

CRAFTED: dict[str, Made] = {
    "the object": (lambda p: p, "print(x)"),
    "an element": (lambda p: build.list_([p]), "y <- x[[1]]; print(y)"),
    "one of many": (
        lambda p: build.list_([*(build.double([1.5]) for _ in range(20_000)), p]),
        "y <- x[[20001]]; print(y)",
    ),
    "a column": (
        lambda p: build.list_([p], ["a"], {"class": build.character(["data.frame"])}),
        "y <- x$a; print(y)",
    ),
    "deep inside": (lambda p: build.list_([build.list_([p])]), "y <- x[[1]][[1]]; print(y)"),
    "an attribute": (lambda p: Node(LIST, [ONE], {"note": p}), "y <- attr(x, 'note'); print(y)"),
    "an attribute of a vector": (
        lambda p: build.integer([1], {"note": p}),
        "y <- attr(x, 'note'); print(y)",
    ),
    "of an expression": (lambda p: Node(EXPRESSION, [p]), "y <- x[[1]]; print(y)"),
    "of a pairlist": (lambda p: pairs(v=p), "y <- x[[1]]; print(y)"),
    "of a pairlist in a list": (
        lambda p: build.list_([pairs(v=p)]),
        "y <- x[[1]][[1]]; print(y)",
    ),
    "an argument of a call": (lambda p: call(symbol("f"), p), "y <- x[[2]]; print(y)"),
    "an argument of a printed call": (lambda p: call(symbol("f"), p), "print(x)"),
    "deep in a call": (lambda p: call(symbol("f"), call(symbol("g"), p)), "print(x)"),
    "the function of a call": (lambda p: call(p, ONE), "print(x)"),
    "of a call that is a variable": (lambda p: variable(call(symbol("f"), p)), "print(x$v)"),
    "a default argument": (
        lambda p: function(formals=pairs(a=p)),
        "y <- formals(x)$a; print(y)",
    ),
    "a function's environment": (
        lambda p: function(environment=p),
        "y <- environment(x); print(y)",
    ),
    "a function's body": (lambda p: function(body=p), "y <- body(x); print(y)"),
    "in a function's body": (lambda p: function(body=call(symbol("f"), p)), "print(x)"),
    "what is around an environment": (
        lambda p: variable(ONE, enclosure=p),
        "y <- parent.env(x); print(y)",
    ),
    "the value of a promise": (lambda p: variable(ran(p, symbol("a"))), "y <- x$v; print(y)"),
    "in the value of a promise": (
        lambda p: variable(ran(call(symbol("f"), p), symbol("a"))),
        "print(x$v)",
    ),
    "the code of a promise that has run": (
        lambda p: build.list_([ran(ONE, call(symbol("f"), p))]),
        "local({ y <- x[[1]]; print(substitute(y)) })",
    ),
    "in bytecode": (
        lambda p: function(
            body=Node(BYTECODE, [0, build.integer([12, 16, 0, 1]), 1, 6, NONE, 1, symbol("f"), 2,
                                 NONE, 5, p, 254, NONE])
        ),
        "print(x)",
    ),
}  # fmt: skip


def main() -> None:
    """Write the file."""
    made = {
        name: {
            "look": look,
            "stream": base64.b64encode(
                gzip.compress(write(make(PROMISE_THAT_RUNS)), mtime=0)
            ).decode(),
        }
        for name, (make, look) in CRAFTED.items()
    }
    text = json.dumps(made, indent=1) + "\n"
    Path(__file__).with_name("crafted.json").write_text(text)


if __name__ == "__main__":
    main()
