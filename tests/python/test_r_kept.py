"""Objects with pointers and promises: kept where R gives them back usable, else refused.

One run: its first step assigns all of robjects/kept.R, its last one, in another process, reads and
uses what was kept.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
from rflow import run_flow, steps, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

ROBJECTS = Path(__file__).with_name("robjects")
CASES = (ROBJECTS / "kept.R").read_text()
KEPT = re.findall(r"^  (\w+) = kept\(", CASES, re.M)
DEAD = re.findall(r"^  (\w+) = dead\(", CASES, re.M)
# Crafted objects that an honest step of its own may hold: R itself refuses to read the others.
CRAFTED = (
    "an element",
    "an argument of a call",
    "of a call that is a variable",
    "in a function's body",
)

Said = dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """What the steps say of each case: by the case's name and the first word of the line."""
    folder = tmp_path_factory.mktemp("kept")
    crafted = folder / "crafted"
    crafted.mkdir()
    streams = json.loads((ROBJECTS / "crafted.json").read_text())
    for i, kind in enumerate(CRAFTED):
        stream = gzip.decompress(base64.b64decode(streams[kind]["stream"]))
        (crafted / f"crafted{i}").write_bytes(stream)
    source = f"sys.source('{ROBJECTS / 'kept.R'}', globalenv())"
    functions = (
        f"start = function(self) {{ {source}; assign_all(self, '{crafted}') }}, "
        f"end = function(self) {{ {source}; use_all(self) }}"
    )
    run = run_flow(write_flow(folder, functions, steps("start", "end")), timeout=280)
    assert run.returncode == 0, run.stdout
    found: Said = defaultdict(dict)
    for name, word, text in re.findall(r"CASE (\w+): (\w+) ?(.*)", run.stdout):
        found[name][word] = text
    return found


def of(said: Said, name: str) -> dict[str, str]:
    if "needs" in said[name]:
        pytest.skip(f"the R package {said[name]['needs']} is missing, or for make test-examples")
    if "marshalled" in said[name]:
        pytest.skip("the R package marshal is installed, and used")
    assert "FAILED" not in said[name], said[name]
    return said[name]


@pytest.mark.parametrize("name", KEPT)
def test_what_r_gives_back_usable_is_kept(said: Said, name: str) -> None:
    case = of(said, name)
    assert case["gives"] and case["gives"] == case["gave"]


@pytest.mark.parametrize("name", DEAD)
def test_what_comes_back_dead_is_refused_with_a_way_that_works(said: Said, name: str) -> None:
    case = of(said, name)
    assert case["refused"]
    assert case.get("gives") == case.get("gave")


@pytest.mark.parametrize("number", range(len(CRAFTED)))
def test_what_readers_refuse_is_refused_at_the_assignment(said: Said, number: int) -> None:
    text = said[f"crafted{number}"]["refused"]
    assert re.match(r"`(body\()?self\$crafted\$deep", text) and "a promise" in text
