"""What R code appends to the card of its step (runtime/task/card.R)."""

from __future__ import annotations

from typing import Any

from ..engine.vectors import raw_to_bytes


def change(card_id: str | None, what: str, *payload: Any) -> None:
    """Append a component to a card, or show it as it is now.

    Parameters
    ----------
    card_id : str or None
        Which card, where a step has several.
    what : str
        ``table`` (names of the columns, and the cells row by row), ``image`` (a raw vector),
        ``markdown`` or ``printed`` (text), ``refresh``.
    *payload : rpy2.rinterface.Sexp
    """
    from metaflow import current
    from metaflow.cards import Image, Markdown, Table

    card: Any = current.card  # type: ignore[attr-defined]  # put there by @card
    if card_id is not None:
        card = card[card_id]
    if what == "refresh":
        card.refresh()
    elif what == "table":
        names, cells = ([str(text) for text in texts] for texts in payload)
        width = len(names)
        rows: list[Any] = (
            [cells[i : i + width] for i in range(0, len(cells), width)] if width else []
        )
        card.append(Table(rows, headers=names))
    elif what == "image":
        card.append(Image(raw_to_bytes(payload[0])))
    elif what == "printed":
        card.append(Markdown(f"```\n{payload[0][0]}\n```"))
    else:
        card.append(Markdown(payload[0][0]))
