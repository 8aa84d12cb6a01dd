"""What R's serialization never holds, and crafted data may (CVE-2024-27322).

R before 4.4 hands out a promise that was serialized as a value, and runs its code as soon as
somebody looks at it; later ones still do where it is an element of a list. R itself writes promises
only as variables of an environment and as arguments of ``...``: those run when they are used, as
any function does.
"""

from __future__ import annotations

from typing import Any

from .nodes import NULL, PAIRLIST, PROMISE, SYMBOL, FormatError, Node


def refuse_promise(node: Node) -> None:
    """Raise `FormatError` where a value is a promise, or a pairlist that holds one."""
    if node.type == PROMISE:
        raise FormatError(
            "a promise where R writes plain data: code that would run when it is looked at"
        )
    if node.type == PAIRLIST:
        left = [node]
        while left:
            cells, tail = left.pop().value
            for value in (*(cell.value for cell in cells), *([tail] if tail else [])):
                if value.type == PAIRLIST:
                    left.append(value)
                else:
                    refuse_promise(value)


def as_attributes(node: Node) -> dict[Any, Node] | None:
    """The pairlist of an object's attributes as a dict."""
    if node.type == NULL:
        return None
    attributes: dict[Any, Node] = {}
    if node.type != PAIRLIST or node.value[1] is not None:
        raise FormatError("attributes that are no list of names and values")
    for tag, value, _ in node.value[0]:
        if tag is None or tag.type != SYMBOL or tag.value in attributes:
            raise FormatError("attributes that are no list of names and values")
        refuse_promise(value)
        attributes[tag.value] = value
    return attributes
