"""What R writes of the objects that packages' examples make is accepted by the readers.

GANGWAY_EXAMPLES=all takes every installed package, which takes an hour (`make test-examples`).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import metaflow  # noqa: F401  (before an extension's module)
import pytest
from metaflow_extensions.gangway.rds.nodes import FormatError
from metaflow_extensions.gangway.rds.read import Reader
from metaflow_extensions.gangway.rds.scan import problem_of
from metaflow_extensions.gangway.rds.write import write

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)

HERE = Path(__file__).parent
SHARED = HERE.parents[1] / "python/metaflow_extensions/gangway/runtime/shared"
# Of the larger ones every so many-th page of their help.
PACKAGES = ("base/8", "stats/8", "dplyr/2", "tidyr/4", "purrr/4", "tibble/2")
# Examples that end the session, or wait for somebody.
NEVER = ("gangway", "Rmpi", "tcltk", "translations")


def installed() -> list[str]:
    code = "cat(sort(unique(rownames(installed.packages()))))"
    found = subprocess.run(["Rscript", "--vanilla", "-e", code], capture_output=True, text=True)
    return [name for name in found.stdout.split() if name not in NEVER]


def collected(
    folder: Path, packages: tuple[str, ...], seconds: float
) -> Iterator[tuple[str, bytes]]:
    """The objects of some packages' examples: where each comes from, and R's serialization."""
    out = folder / "objects"
    script = [HERE / "robjects/examples.R", SHARED, out, *packages]
    subprocess.run(
        ["Rscript", "--vanilla", *map(str, script)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
    )
    data, at = out.read_bytes(), 0
    while at < len(data):
        parts = []
        for _ in range(2):
            (size,) = struct.unpack_from("<i", data, at)
            parts.append(data[at + 4 : at + 4 + size])
            at += 4 + size
        yield parts[0].decode(), parts[1]


def fault_of(stream: bytes) -> str:
    """What is wrong with an object, or an empty string."""
    fault = problem_of(stream, len(stream))
    try:
        reader = Reader(stream)
        if not fault and write(reader.run(), reader.header) != stream:
            fault = "read and written it is another one"
    except FormatError as error:
        fault = fault or str(error)
    return fault


def test_what_examples_make_can_be_read(tmp_path: Path) -> None:
    faults, count = [], 0
    for label, stream in collected(tmp_path, PACKAGES, 280):
        count += 1
        faults += [f"{label}: {fault}"] if (fault := fault_of(stream)) else []
    assert not faults
    assert count > 300, "the examples were not run"


@pytest.mark.skipif(
    os.environ.get("GANGWAY_EXAMPLES") != "all",
    reason="GANGWAY_EXAMPLES=all runs these",
)
@pytest.mark.timeout(7200)
def test_what_the_examples_of_all_packages_make_can_be_read(tmp_path: Path) -> None:
    faults, count = [], 0
    for package in installed():
        try:
            objects = list(collected(tmp_path, (package,), 300))
        except subprocess.TimeoutExpired:
            print(f"{package}: not done in 300 s")
            continue
        for label, stream in objects:
            count += 1
            faults += [f"{label}: {fault}"] if (fault := fault_of(stream)) else []
    print(f"{count} objects")
    assert not faults
