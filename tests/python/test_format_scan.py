"""Crafted data: promises where R writes plain values (CVE-2024-27322)."""

from __future__ import annotations

import base64
import gzip
import json
import random
import shutil
import struct
import subprocess
from pathlib import Path

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from metaflow_extensions.gangway.exceptions import ArtifactException
from metaflow_extensions.gangway.rds import build
from metaflow_extensions.gangway.rds.nodes import (
    CALL,
    DOTS,
    ENVIRONMENT,
    GLOBAL_ENVIRONMENT,
    NULL,
    PAIRLIST,
    PROMISE,
    SYMBOL,
    UNBOUND,
    Cell,
    FormatError,
    Node,
)
from metaflow_extensions.gangway.rds.read import Reader, read
from metaflow_extensions.gangway.rds.scan import Skim, check_stream, may_hold_code
from metaflow_extensions.gangway.rds.trailer import add_trailer
from metaflow_extensions.gangway.rds.write import write
from metaflow_extensions.gangway.values.robject import RObject

ROBJECTS = Path(__file__).with_name("robjects")

needs_r = pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")

INFO = {"class": ["list"], "type": "list", "length": 1, "dim": None, "r": "4.2.2", "restore": []}

# Made by robjects/craft.py: R code that looks at each as any code would, and its bytes.
CRAFTED = {
    name: (case["look"], gzip.decompress(base64.b64decode(case["stream"])))
    for name, case in json.loads((ROBJECTS / "crafted.json").read_text()).items()
}


def promise(file: Path) -> Node:
    """A promise that leaves a file behind when it runs."""
    name, argument = Node(SYMBOL, "file.create"), build.character([str(file)])
    call = Node(CALL, ([Cell(None, name), Cell(None, argument)], None))
    return Node(PROMISE, (Node(GLOBAL_ENVIRONMENT), Node(UNBOUND), call))


def variable(value: Node) -> Node:
    """An environment with one variable."""
    cells = Node(PAIRLIST, ([Cell(Node(SYMBOL, "v"), value)], None))
    return Node(ENVIRONMENT, [0, Node(GLOBAL_ENVIRONMENT), cells, Node(NULL)])


@needs_r
def test_crafted_promises_run_in_r(tmp_path: Path) -> None:
    lines = ["if (getRversion() >= '4.4') quit(status = 44)"]
    for number, (look, stream) in enumerate(CRAFTED.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "stream").write_bytes(stream)
        lines += [
            f"setwd('{folder}')",
            f"try({{ x <- unserialize(readBin('stream', 'raw', 1e7)); {look} }})",
        ]
    script = tmp_path / "look.R"
    script.write_text("\n".join(lines))
    done = subprocess.run(["Rscript", "--vanilla", script], capture_output=True, text=True)
    if done.returncode == 44:
        pytest.skip("this R refuses some of them itself")
    quiet = [name for i, name in enumerate(CRAFTED) if not (tmp_path / str(i) / "it ran").exists()]
    assert not quiet, f"no attack: {quiet}\n{done.stderr}"


@pytest.mark.parametrize("kind", CRAFTED)
def test_a_promise_among_values_is_refused(kind: str) -> None:
    _, stream = CRAFTED[kind]
    value = RObject(add_trailer(stream, INFO))
    with pytest.raises(ArtifactException, match="a promise where R writes plain data"):
        value.check()
    with pytest.raises(ArtifactException, match="a promise where R writes plain data"):
        _ = value.node


@needs_r
def test_an_engine_reads_no_promise(tmp_path: Path) -> None:
    pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")
    from metaflow_extensions.gangway.engine.engine import REngine

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
        read(stream)


def test_promises_in_the_code_of_a_variable_are_ordinary(tmp_path: Path) -> None:
    """The masks of dplyr's grouped verbs have some; the variable runs them, as it runs the rest."""
    head = Node(CALL, ([Cell(None, promise(tmp_path)), Cell(None, Node(SYMBOL, "x"))], None))
    later = Node(PROMISE, (Node(GLOBAL_ENVIRONMENT), Node(UNBOUND), head))
    dots = Node(DOTS, ([Cell(None, later)], None))
    for value in (later, dots):
        stream = write(build.list_([variable(value)]))
        check_stream(stream, len(stream))
        assert write(read(stream)) == stream
    with pytest.raises(FormatError, match="a promise"):
        read(write(variable(head)))


def test_a_promise_that_has_run_is_its_value() -> None:
    ran = Node(PROMISE, (None, build.integer([1]), Node(SYMBOL, "a")))
    call = Node(CALL, ([Cell(None, Node(SYMBOL, "f")), Cell(None, ran)], None))
    for value in (ran, build.list_([ran]), call):
        stream = write(value)
        check_stream(stream, len(stream))
        assert write(read(stream)) == stream


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
        call = Node(CALL, ([Cell(None, Node(kind, "system"))], None))
        stream = write(Node(PROMISE, (Node(GLOBAL_ENVIRONMENT), Node(UNBOUND), call)))
        assert may_hold_code(stream, len(stream))


ALIKE = {
    "vectors": [build.double([1.5, 2.5])] * 50_000,
    "strings": [build.character(["a"])] * 50_000,
    "missing strings": [build.character([None])] * 50_000,
    "NULL": [Node(NULL)] * 50_000,
    "one vector": [build.character(["ab"] * 50_000)],
}


@pytest.mark.parametrize("kind", ALIKE)
def test_elements_that_are_alike_are_passed_in_rows(kind: str, tmp_path: Path) -> None:
    values = ALIKE[kind]
    stream = write(build.list_(values))
    Skim(stream, len(stream), most=100).run()
    for place in (0, 1, 17, len(values) - 1, len(values)):
        crafted = write(build.list_([*values[:place], promise(tmp_path), *values[place:]]))
        with pytest.raises(FormatError, match="a promise"):
            check_stream(crafted, len(crafted))
    for cut in (1, 4, 9, 20):
        with pytest.raises(FormatError):
            Skim(stream[:-cut], len(stream) - cut).run()


def test_what_only_begins_alike_is_gone_through() -> None:
    """Elements of all lengths and types, each of which a row of others may precede."""
    some = random.Random(7)
    kinds = [
        lambda: build.double([some.random()] * some.randrange(4)),
        lambda: build.integer([some.randrange(300)] * some.randrange(3)),
        lambda: build.character([some.choice(["", "a", "bc", None])] * some.randrange(3)),
        lambda: build.list_([build.character(["x"])] * some.randrange(3), None),
        lambda: Node(NULL),
    ]
    for _ in range(200):
        values: list[Node] = []
        for _ in range(some.randrange(12)):
            values += [some.choice(kinds)()] * some.choice([1, 1, 2, 16, 17, 40])
        stream = write(build.list_(values))
        Skim(stream, len(stream)).run()
        assert write(read(stream)) == stream
        damaged = bytearray(stream)
        at = some.randrange(14, len(damaged))
        damaged[at] ^= 1 << some.randrange(8)
        assert outcome(Skim, damaged) == outcome(Reader, damaged), at


def outcome(reader: type[Reader], stream: bytearray) -> bool:
    """Whether it reads the bytes to their end."""
    try:
        reader(bytes(stream), len(stream)).run()
    except FormatError:
        return False
    return True
