"""What R code puts on the cards of its step (runtime/task/card*.R)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metaflow import current
from metaflow.cards import Image, Markdown, ProgressBar, Table, VegaChart

from ..engine.vectors import raw_to_bytes
from ..exceptions import CardException
from . import card_page

# Where a task has no @card, `current` has no such attribute.
_NO_CARD = 'This step has no card: add decorator("card") to its step(), before current("card").'
_bars: list[ProgressBar] = []


def change(card_id: str | None, what: str, *payload: Any) -> Any:
    """Append a component to a card, or show it as it is now.

    Parameters
    ----------
    card_id : str or None
        Which card, where a step has several.
    what : str
        One of `_MAKERS`, or ``find``, ``refresh``, ``bar`` (a progress bar: its number comes back)
        and ``move`` (that bar).
    *payload : rpy2.rinterface.Sexp

    Raises
    ------
    CardException
        There is no such card.
    """
    card = _card(card_id)
    if what == "find":
        return None
    if what == "move":
        number, value = payload
        _bars[int(number[0])].update(value[0])
    elif what == "bar":
        _bars.append(_progress_bar(*payload))
        card.append(_bars[-1])
        return len(_bars) - 1
    elif what != "refresh":
        card.append(_MAKERS[what](*payload))
        return None
    card.refresh()
    return None


def append_to_default_cards(texts: Any) -> None:
    """Append Markdown to each card of the type that shows a task as it is."""
    for card in current.card.get(type="default"):  # type: ignore[attr-defined]
        card.extend([Markdown(text) for text in texts])


def has_default_card() -> bool:
    """Whether the step has a card of the type that shows a task as it is."""
    card = getattr(current, "card", None)
    return bool(card is not None and card.get(type="default"))


def _card(card_id: str | None) -> Any:
    card = getattr(current, "card", None)
    if card is None:
        raise CardException(_NO_CARD)
    if card_id is not None:
        found = card[card_id]
        if found == []:
            raise CardException(
                f'This step has no card with the id "{card_id}": add decorator("card", '
                f'id = "{card_id}").'
            )
        return found
    if card.components is None:
        raise CardException(
            "It is not clear which card is meant, or it takes nothing (those of type default and "
            "blank do): give each decorator('card') an `id`, and use current('card')[['id']]."
        )
    return card


def _table(headers: Any, cells: Any) -> Table:
    names, texts = [str(name) for name in headers], [str(text) for text in cells]
    width = max(len(names), 1)
    return Table(
        [list(texts[i : i + width]) for i in range(0, len(texts), width)], headers=list(names)
    )


def _image(kind: Any, data: Any) -> Image:
    text = base64.b64encode(raw_to_bytes(data)).decode("ascii")
    return Image(f"data:image/{kind[0]};base64,{text}")


def _picture(data: Any, width: Any) -> Markdown:
    """Make a picture of its own width, which the page decides of an `Image`."""
    text = base64.b64encode(raw_to_bytes(data)).decode("ascii")
    return Markdown(
        f'<img src="data:image/png;base64,{text}" width="{int(width[0])}" style="max-width: 100%">'
    )


def _page(head: Any, kinds: Any, files: Any, body: Any, height: Any) -> Markdown:
    pairs = list(zip(map(str, kinds), map(str, files), strict=True))
    return Markdown(card_page.frame(card_page.page("".join(head), pairs, body[0]), height[0]))


def _report(path: Any, height: Any) -> Markdown:
    page = Path(str(path[0])).read_text(encoding="utf-8")
    return Markdown(card_page.frame(page, height[0]))


def _progress_bar(most: Any, label: Any, unit: Any) -> ProgressBar:
    return ProgressBar(max=most[0], label=label[0] or None, unit=unit[0] or None)


_MAKERS: dict[str, Callable[..., Any]] = {
    "table": _table,  # names of the columns, and the cells row by row
    "image": _image,  # its format, and a raw vector
    "picture": _picture,  # of a PNG, a raw vector, and how many pixels of the page it is wide
    "page": _page,  # what card_page.page() takes, and the frame's height
    "report": _report,  # the path of a page, and the frame's height
    "markdown": lambda text: Markdown(str(text[0])),
    "chart": lambda spec: VegaChart(json.loads(spec[0])),
}
