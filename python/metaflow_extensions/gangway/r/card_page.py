"""HTML as one page that needs no other files, in a frame of a card.

Metaflow's cards have no component for HTML, but their Markdown shows frames. A page stands in the
frame's ``srcdoc``: browsers take no data URL of more than 2 MB for a page.
"""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

# The frame is as high as what is in it. Not for ever: what is in it may ask for the frame's height.
_GROW = """<script>(function () {
  var left = 20, frame = window.frameElement, page = document.documentElement;
  function fit() {
    if (!frame || left-- <= 0) return;
    frame.style.height = "0";
    var bar = page.scrollWidth > page.clientWidth ? 20 : 2;
    frame.style.height = page.scrollHeight + bar + "px";
  }
  window.addEventListener("load", function () {
    fit();
    if (window.ResizeObserver) new ResizeObserver(fit).observe(document.body);
  });
})()</script>"""
_URL = re.compile(r"url\(\s*(['\"]?)([^'\")]+)\1\s*\)")


def page(head: str, files: Sequence[tuple[str, str]], body: str) -> str:
    """Make a page of HTML and the files that it depends on.

    Parameters
    ----------
    head, body : str
        HTML.
    files : sequence of pairs
        In their order, ``script`` or ``style`` and a path, or ``html`` and HTML.
    """
    parts = "\n".join(_part(kind, text) for kind, text in files)
    return (
        f'<!DOCTYPE html><html><head><meta charset="utf-8">\n{parts}\n{head}</head>'
        f'<body style="margin: 0; background: white">{body}</body></html>'
    )


def frame(text: str, height: float = 0) -> str:
    """Make Markdown that shows a page.

    Parameters
    ----------
    text : str
        The page.
    height : float
        Of the frame, in pixels; 0 for that of what is in it.
    """
    if not height:
        at = text.rfind("</body>")
        at = at if at >= 0 else len(text)
        text = text[:at] + _GROW + text[at:]
    # An empty line would end the HTML in Markdown.
    quoted = html.escape(text).replace("\r", "").replace("\n", "&#10;")
    return (
        f'<iframe srcdoc="{quoted}" style="width: 100%; border: 0; '
        f'height: {height or 400:.0f}px"></iframe>'
    )


def _part(kind: str, text: str) -> str:
    if kind == "html":
        return text
    path = Path(text)
    content = path.read_text(encoding="utf-8", errors="replace")
    if kind == "style":
        content = _URL.sub(lambda found: _embedded(found, path.parent), content)
        return f"<style>{content}</style>"
    # What would end the script here means the same in a string or a pattern of JavaScript.
    content = re.sub(r"</(?=script)", r"<\\/", content, flags=re.IGNORECASE)
    return "<script>" + content.replace("<!--", "\\x3c!--") + "</script>"


def _embedded(found: re.Match[str], folder: Path) -> str:
    named = unquote(re.split("[?#]", found[2].strip())[0])
    path = folder / named
    if found[2].startswith(("data:", "#")) or "://" in named or not path.is_file():
        return found[0]
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"url(data:{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')})"
