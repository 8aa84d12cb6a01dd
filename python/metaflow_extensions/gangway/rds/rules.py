"""What R's serialization never holds, and crafted data may (CVE-2024-27322).

R before 4.4 hands out a promise that was serialized as a value, and runs its code as soon as
somebody looks at it; later ones still do where it is an element of a list or of a call, which
``print()`` evaluates. R itself writes promises that have not run only as variables of an
environment, as arguments of ``...``, and in the code of such promises (the masks of dplyr's grouped
verbs have some): those run when the variable is used, as any function does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .nodes import BYTECODE, CALL, NULL, PAIRLIST, PROMISE, SYMBOL, UNBOUND, FormatError, Node

Check = Callable[[Node], None]

# What holds others that are no values by themselves: its holder looks into it.
_CODE = frozenset((CALL, PAIRLIST, BYTECODE))


def refuse_promise(node: Node) -> None:
    """Raise `FormatError` where a value is a promise that has not run, or code that holds one."""
    if node.type == PROMISE or node.type in _CODE:
        left = [node]
        while left:
            left += _parts(left.pop())


def refuse_in_variables(cells: Node) -> None:
    """Do so for the variables of an environment, which may be promises themselves."""
    left = [cells]
    while left:
        node = left.pop()
        if node.type != PAIRLIST:
            if node.type != NULL:
                raise FormatError("an environment without a table of variables")
            continue
        variables, tail = node.value
        for _, value, _ in variables:
            if value.type != PROMISE:
                refuse_promise(value)
        if tail is not None:
            left.append(tail)


def _parts(node: Node) -> list[Node]:
    """Return what is to be looked at of code, or of a promise that has run."""
    if node.type == PROMISE:
        _, value, code = node.value
        if value.type == UNBOUND:
            raise FormatError(
                "a promise where R writes plain data: code that would run when it is looked at"
            )
        parts = [code]  # the value was looked at when it was read
    elif node.type == BYTECODE:
        parts = [part for part in node.value if isinstance(part, Node)]
    else:
        cells, tail = node.value
        parts = [cell.value for cell in cells]
        if tail is not None:
            parts.append(tail)
    return [part for part in parts if part.type == PROMISE or part.type in _CODE]


def as_attributes(node: Node) -> dict[Any, Node] | None:
    """Return the pairlist of an object's attributes as a dict."""
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
