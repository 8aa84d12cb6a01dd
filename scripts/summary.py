"""Sum up pytest (its JUnit XML) and testthat: failures with the commands that run them, and counts.

usage: summary.py [--failed | --mended] FILE...

pytest's are *.xml; a missing one of testthat's is a failure.

testthat's are what scripts/testthat.R writes: "passed failed skipped", and "file: test" a failure.
With --failed only what pytest and testthat.R call the failed tests is printed, one a line. With
--mended those that failed have passed since.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

PYTEST = "scripts/env.sh env -u GANGWAY_PYTHON PYTHONPATH=$PWD/python .venv/bin/python -m pytest"
TESTTHAT = "NOT_CRAN=true scripts/env.sh Rscript --vanilla scripts/testthat.R .setup/testthat.txt"


def pytest_counts(path: Path) -> tuple[int, int, int]:
    total = failed = skipped = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


def pytest_failures(path: Path) -> list[str]:
    cases = ElementTree.parse(path).getroot().iter("testcase")
    return [
        node(case)
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]


def node(case: ElementTree.Element) -> str:
    return f"{(case.get('classname') or '').replace('.', '/')}.py::{case.get('name')}"


def testthat_failure(line: str) -> str:
    return f"{TESTTHAT} {line.partition(':')[0]}  # {line.partition(': ')[2]}"


def main(*files: str) -> None:
    only_failed, mended = (files[:1] == (option,) for option in ("--failed", "--mended"))
    reports = [Path(file) for file in files if file.endswith(".xml") and Path(file).exists()]
    counts = [pytest_counts(report) for report in reports]
    nodes = [node for report in reports for node in pytest_failures(report)]
    lines: list[str] = []
    for testthat in (Path(file) for file in files if file.endswith(".txt")):
        if not testthat.exists():
            counts.append((0, 1, 0))  # R ended before it could count
            continue
        first, *failed_tests = testthat.read_text().splitlines()
        passed, failed, skipped = map(int, first.split())
        counts.append((passed, failed, skipped))
        lines += failed_tests
    if only_failed:
        print("\n".join([*nodes, *dict.fromkeys(line.partition(":")[0] for line in lines)]))
        return
    word = "passed when it ran alone" if mended else "failed"
    for failure in [*(f"{PYTEST} '{node}'" for node in nodes), *map(testthat_failure, lines)]:
        print(f"{word}: {failure}")
    passed, failed, skipped = map(sum, zip(*counts, strict=True))
    if mended:
        passed, failed = passed + failed, 0
    print(f"{passed} passed, {failed} failed, {skipped} skipped")


if __name__ == "__main__":
    main(*sys.argv[1:])
