"""A release: one version and one address everywhere, and a tag that says another is refused."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import release  # noqa: E402


def test_every_file_has_the_same_version_and_address() -> None:
    version = release.first("DESCRIPTION", release.VERSIONS["DESCRIPTION"])
    repository = release.first("DESCRIPTION", release.REPOSITORIES["DESCRIPTION"])
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.9000)?", version)
    assert release.problems(f"v{version}", repository) == []
    issues = f"https://github.com/{repository}/issues"
    assert f"\nBugReports: {issues}\n" in (ROOT / "DESCRIPTION").read_text()
    owner = repository.partition("/")[0]
    assert f"\n* @{owner}\n" in (ROOT / ".github/CODEOWNERS").read_text()


def test_another_tag_and_another_repository_are_refused_by_file() -> None:
    wrong = release.problems("v9.9.9", "somebody/else")
    assert [line.partition(" ")[0] for line in wrong] == [*release.VERSIONS, *release.REPOSITORIES]


def test_the_notes_are_one_versions_news() -> None:
    assert not re.search(r"^# ", release.notes(), re.M)
