"""Print one line that sums up pytest (its JUnit XML) and testthat ("passed failed skipped").

usage: summary.py TESTTHAT_TXT PYTEST_XML...   Without TESTTHAT_TXT there is one failure.
"""

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def pytest_counts(path: Path) -> tuple[int, int, int]:
    suites = ElementTree.parse(path).getroot().iter("testsuite")
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


def main(testthat_txt: str, *pytest_xmls: str) -> None:
    counts = [pytest_counts(Path(xml)) for xml in pytest_xmls if Path(xml).exists()]
    if not Path(testthat_txt).exists():
        counts.append((0, 1, 0))  # R ended before it could count
    else:
        passed, failed, skipped = map(int, Path(testthat_txt).read_text().split())
        counts.append((passed, failed, skipped))
    passed, failed, skipped = map(sum, zip(*counts, strict=True))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")


if __name__ == "__main__":
    main(*sys.argv[1:])
