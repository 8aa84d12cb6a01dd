"""The check of the documents finds what it looks for; `scripts/lint.sh` runs it on all of them."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import docs  # noqa: E402

LONG = "word " * 30
PAGE = f"""# One page
A [link](other.md), a [heading](other.md#its-heading), [the web](https://example.org), `[i](x)`.
A [lost file](none.md), a [lost heading](other.md#none), [one of its own](#one-page).
There is `rds/read.py` and `tests/python/test_*.py`, and no `rds/none.py`.

| {LONG} |

    {LONG}

```
{LONG}
```
{LONG}
"""


def test_links_files_and_lines_are_found_and_code_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text("# Other\n## Its `heading`\n")
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    found = [problem.removeprefix(f"{page}:") for problem in docs.problems(page)]
    assert found == [
        "3: none.md: no such file",
        "3: other.md#none: no such heading",
        "4: rds/none.py: no such file",
        "13: 150 characters, and 100 are allowed",
    ]


def test_every_document_is_looked_at() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in docs.documents()}
    assert {"README.md", "CONTRIBUTING.md", "NEWS.md", "docs/README.md", "docs/cases.md"} <= names
