"""Damaged artifacts: an error that says so, or another object; no crash, no flood of memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PYTHON = Path(__file__).resolve().parents[2] / "python"

HEAD = """
import random, resource, sys
import metaflow
from metaflow_extensions.gangway.exceptions import ArtifactException
from metaflow_extensions.gangway.values.describe import describe
from metaflow_extensions.gangway.rds import build
from metaflow_extensions.gangway.rds.nodes import *
from metaflow_extensions.gangway.rds.trailer import add_trailer
from metaflow_extensions.gangway.rds.write import write
from metaflow_extensions.gangway.r.robject import RObject
import numpy, pandas, zoneinfo

text = build.character
def sequence(n):
    cells = [Cell(None, Node(SYMBOL, "compact_intseq")), Cell(None, Node(SYMBOL, "base"))]
    return Node(ALTREP, (Node(PAIRLIST, (cells, None)), build.double([n, 1, 1]), Node(NULL)))
loop = Node(ENVIRONMENT, [0, Node(GLOBAL_ENVIRONMENT)])
loop.value += [Node(PAIRLIST, ([Cell(Node(SYMBOL, "self"), loop)], None)), Node(NULL)]
call = Node(CALL, ([Cell(None, Node(SYMBOL, "+")), Cell(None, build.double([1.0]))], None))
frame = build.list_(
    [build.integer([1, None], {"levels": text(["a", "b"]), "class": text(["factor"])}),
     text(["x", None]), build.double([1.5, None], {"class": text(["POSIXct", "POSIXt"]),
     "tzone": text(["Europe/Berlin"])}), build.list_([build.null(), sequence(3)])],
    ["f", "s", "t", "l"],
    {"class": text(["data.frame"]), "row.names": build.integer([None, -2])},
)
whole = build.list_([
    frame, loop, call, build.logical([True, None]), build.complex_([1j]), build.raw(b"abc"),
    build.double(range(6), {"dim": build.integer([2, 3])}), Node(NAMESPACE, ["stats", "4.2.2"]),
    build.double([19000.0], {"class": text(["Date"])}),
    build.double([2.0], {"class": text(["difftime"]), "units": text(["mins"])}),
], list("abcdefghij"))
stream = write(whole)
info = describe(whole, "4.2.2")
blob = add_trailer(stream, info)
limit = 4 * 2**30
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

def use(data):
    # whether it was read
    try:
        value = RObject(data)
        value.check()
        repr(value), len(value)
        value.to_python()
    except ArtifactException as error:
        assert str(error)
        return False
    return True
assert use(blob)
"""

TRUNCATED = """
assert not any(use(blob[:n]) for n in range(len(blob)))
read = [n for n in range(len(stream)) if use(add_trailer(stream[:n], info))]
assert not read, read
"""

FLIPPED = """
random.seed(int(sys.argv[1]))
read = 0
number = int(sys.argv[2])
for _ in range(number):
    damaged = bytearray(stream)
    for _ in range(random.choice([1, 1, 1, 2, 5])):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    read += use(add_trailer(bytes(damaged), info))
    damaged = bytearray(blob)
    damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    use(bytes(damaged))
assert 0 < read < number, read
"""


def _run(code: str, *args: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HEAD + code, *args],
        env={"PYTHONPATH": str(PYTHON), "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_no_truncated_artifact_is_read() -> None:
    pytest.importorskip("pandas")
    _run(TRUNCATED)


@pytest.mark.parametrize(
    ("seed", "number"), [("1", "1500"), pytest.param("2", "10000", marks=pytest.mark.faults)]
)
def test_flipped_bits_give_an_error_or_another_object(seed: str, number: str) -> None:
    pytest.importorskip("pandas")
    _run(FLIPPED, seed, number)
