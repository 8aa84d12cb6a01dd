"""HTML of R's widgets and reports as one page in a card (r/card_page.py)."""

from __future__ import annotations

import html
import re
from pathlib import Path

from metaflow_extensions.gangway.r.card_page import frame, page


def test_a_page_holds_its_files(tmp_path: Path) -> None:
    (tmp_path / "img").mkdir()
    (tmp_path / "img" / "dot.png").write_bytes(b"\x89PNG")
    style = tmp_path / "w.css"
    style.write_text(
        "a {background: url('img/dot.png')} b {src: url(img/none.woff?#x)} "
        'c {src: url("data:x,y")} d {src: url(https://example.org/f.css)}'
    )
    script = tmp_path / "w.js"
    script.write_text("var a = '</script>', b = /<!--/;\n\nvar c = '\u00e9 \\\\d';")
    text = page(
        "<title>t</title>",
        [("html", '<meta name="m">'), ("style", str(style)), ("script", str(script))],
        "<p>body</p>",
    )
    assert "url(data:image/png;base64,iVBORw==)" in text
    for kept in ("url(img/none.woff?#x)", 'url("data:x,y")', "url(https://example.org/f.css)"):
        assert kept in text
    # The script's own text is its only end, and means the same.
    assert text.count("</script>") == 1
    assert r"var a = '<\/script>', b = /\x3c!--/;" in text
    assert "var c = '\u00e9 \\\\d';" in text
    order = [text.index(part) for part in ('<meta name="m">', "<style>", "<script>", "<title>")]
    assert order == sorted(order)


def test_a_frame_is_one_piece_of_html_in_markdown() -> None:
    text = '<body><p class="a">1 &amp; 2</p>\r\n\n<pre>\n x</pre></body>'
    shown = frame(text, 120)
    assert "\n" not in shown and "height: 120px" in shown
    inside = re.search(r'srcdoc="([^"]*)"', shown)
    assert inside is not None
    assert html.unescape(inside[1]) == text.replace("\r", "")
    grows = re.search(r'srcdoc="([^"]*)"', frame(text))
    assert grows is not None
    assert html.unescape(grows[1]).endswith("</script></body>")
