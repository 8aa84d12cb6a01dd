"""The table of the benchmarks, and the figures that documents take from it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/bench")]

import figures  # noqa: E402
import table  # noqa: E402


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "rows"
    monkeypatch.setenv("GANGWAY_BENCH_TABLE", str(file))
    monkeypatch.setattr(sys, "argv", ["tests/bench/bench-one.py"])
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


def test_rows_become_a_table(rows: Any) -> None:
    assert table.row("hello", "a flow", 1.93, "s", "Metaflow", 2.21, 0.876, most=0.9)
    assert not table.row("end", "an end", 1.06, most=0.6)
    assert table.row("map", "a map", 0.0812, "s", "furrr", None, None, least=1)
    assert figures.table(rows()).splitlines()[2:] == [
        "| a flow | 1.9 s | Metaflow: 2.2 s | 0.88 | at most 0.9 | `bench-one.py` |",
        "| an end | 1.1 s |  |  | at most 0.6 s: **missed** | `bench-one.py` |",
        "| a map | 0.081 s | furrr: not installed |  | at least 1 | `bench-one.py` |",
    ]


def test_figures_go_before_their_marks(rows: Any) -> None:
    table.row("hello", "a flow", 12.4, "s", "Metaflow", 99.1, 0.01)
    text = "9 s<!--hello:ours-->, 0.5<!--hello:ratio-->, 3.5 s<!--hello:theirs-->, 7<!--x:ours-->"
    done = "12 s<!--hello:ours-->, 0.01<!--hello:ratio-->, 99 s<!--hello:theirs-->, 7<!--x:ours-->"
    assert figures.filled(text, rows()) == (done, ["x:ours"])
    assert figures.filled(done, rows()) == (done, ["x:ours"])


@pytest.mark.parametrize("page", figures.PAGES, ids=lambda page: page.name)
def test_pages_have_marks_behind_their_figures(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(figures.MARK.findall(text)) == text.count("<!--") > 0


def test_r_writes_the_same_row(rows: Any, tmp_path: Path) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed")
    script = tmp_path / "bench-one.py"
    script.write_text(
        f'source("{ROOT}/tests/bench/table.R")\n'
        'stopifnot(row("hello", "a flow", 1.93, "s", "Metaflow", 2.21, 0.876, most = 0.9))\n'
        'stopifnot(row("map", "a map", 0.5, peer = "furrr", least = 1))\n'
    )
    subprocess.run(["Rscript", "--vanilla", str(script)], check=True)
    table.row("hello", "a flow", 1.93, "s", "Metaflow", 2.21, 0.876, most=0.9)
    table.row("map", "a map", 0.5, peer="furrr", least=1)
    written = rows()
    assert written[:2] == written[2:]
