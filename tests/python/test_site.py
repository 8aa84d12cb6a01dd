"""The site has every topic and page, its links lead somewhere, and no vignette is out of date."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import site_links  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "_pkgdown.yml").read_text("utf-8"))
VIGNETTES = ROOT / "vignettes"


def listed(part: str) -> list[str]:
    return [name for section in CONFIG[part] for name in section["contents"]]


def test_the_reference_has_every_topic() -> None:
    pages = [path.read_text("utf-8") for path in (ROOT / "man").glob("*.Rd")]
    topics = [
        {name.replace("\\%", "%") for name in re.findall(r"\\alias\{(.*)\}", page)}
        for page in pages
        if r"\keyword{internal}" not in page
    ]
    missing = [sorted(names)[0] for names in topics if not names & set(listed("reference"))]
    assert not missing, f"add to reference in _pkgdown.yml: {missing}"
    unknown = set(listed("reference")) - set().union(*topics)
    assert not unknown, f"_pkgdown.yml names no topics: {unknown}"


def test_the_articles_are_the_vignettes() -> None:
    pages = {path.stem for path in VIGNETTES.glob("*.Rmd")}
    assert pages == {"gangway", *listed("articles")}  # gangway is "Get started"


FENCE = re.compile(r"(?ms)^```(\{?r\b)?([^\n]*)\n(.*?)^```$\n?")


def told(text: str) -> str:
    """What a page tells, without its code, output and pictures."""
    text = re.sub(r"(?m)^!\[.*\]\(figures/.*\).*$", "", FENCE.sub("", text))
    return re.sub(r"\s+", " ", text)


def code(text: str) -> list[str]:
    """The lines of code that a page shows: in a source, of chunks that are shown."""
    chunks = [m for m in FENCE.finditer(text) if m[1] and not re.search("(echo|include) ?=", m[2])]
    lines = (line for m in chunks for line in m[3].splitlines())
    return [line for line in lines if line.strip()]


@pytest.mark.parametrize("source", sorted(VIGNETTES.glob("*.orig")), ids=lambda path: path.stem)
def test_vignettes_are_made_from_their_sources(source: Path) -> None:
    made = source.with_suffix("").read_text("utf-8")
    given = source.read_text("utf-8")
    again = f"scripts/vignettes.sh {source.name} makes it again"
    assert told(made) == told(given), again
    assert code(made) == code(given), again


def test_links_into_the_repository_are_mended() -> None:
    links = (
        '<a href="vignettes/ray.Rmd#errors">',
        '<a href="docs/README.html">',
        '<a href="docs/aws.md#the-gate">',
        '<a href="NEWS.html">',
        '<a href="authors.html">',
        '<a href="https://a.org/docs/b.html">',
        "<a href='parent.html#method-print'>",
    )
    assert [site_links.mend(link, "G/") for link in links] == [
        '<a href="articles/ray.html#errors">',
        '<a href="G/docs/README.md">',
        '<a href="G/docs/aws.md#the-gate">',
        '<a href="news/index.html">',
        '<a href="authors.html">',
        '<a href="https://a.org/docs/b.html">',
        "<a href='parent.html#method-parent-print'>",
    ]


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="articles/a.html#x"></a><a href="none.html"></a><img src="no.png">'
        '<a href="https://example.org/"></a><a href="articles/a.html#y"></a><a href="#z"></a>'
    )
    (tmp_path / "articles/a.html").write_text('<h1 id="x"></h1><a href="../"></a>')
    assert list(site_links.broken(tmp_path)) == [
        "index.html: #z: no such heading",
        "index.html: articles/a.html#y: no such heading",
        "index.html: no.png: no such file",
        "index.html: none.html: no such file",
    ]
