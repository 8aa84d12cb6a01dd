"""Checks of a decorator's attributes, with messages that say what would be right.

Values reach a task as strings when they come from the command line or a remote run, so every check
accepts the string form as well and returns the converted value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..exceptions import GangAttributeException

Check = Callable[[Any], Any]


class Wrong(ValueError):
    """What is wrong with a value, where the check knows more than what would be right."""


def integer(low: int, high: int | None = None) -> Check:
    """Check for a whole number in a range."""

    def check(value: Any) -> int:
        number = float(value) if isinstance(value, (int, float, str)) else None
        if number is None or isinstance(value, bool) or number != int(number):
            raise ValueError
        if number < low or (high is not None and number > high):
            raise ValueError
        return int(number)

    ending = f" and {high}" if high is not None else ""
    check.__doc__ = f"a whole number {'between' if ending else 'of at least'} {low}{ending}"
    return check


def seconds(value: Any) -> float:
    """a number of seconds above 0"""
    number = float(value)
    if isinstance(value, bool) or not 0 < number < float("inf"):
        raise ValueError
    return number


def amount(value: Any) -> float | int:
    """a number of at least 0"""
    number = float(value)
    if isinstance(value, bool) or not 0 <= number < float("inf"):
        raise ValueError
    return int(number) if number == int(number) else number


def above_zero(value: Any) -> float | int:
    """a number above 0"""
    if (number := amount(value)) == 0:
        raise ValueError
    return number


def flag(value: Any) -> bool:
    """True or False"""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}[str(value).lower()]


def choice(*allowed: str) -> Check:
    """Check for one of some strings."""

    def check(value: Any) -> str:
        if value not in allowed:
            raise ValueError
        return str(value)

    check.__doc__ = "one of " + ", ".join(map(repr, allowed))
    return check


def amounts(value: Any) -> dict[str, float | int]:
    """a dictionary of names and numbers, such as {"license": 1}"""
    value = json.loads(value) if isinstance(value, str) else value
    if not isinstance(value, Mapping) or not all(isinstance(k, str) and k for k in value):
        raise ValueError
    return {name: amount(number) for name, number in value.items()}


def check_all(
    values: Mapping[str, Any], checks: Mapping[str, Check], optional: Iterable[str], where: str
) -> dict[str, Any]:
    """Check all of a decorator's attributes.

    Parameters
    ----------
    values : mapping
        The attributes as given.
    checks : mapping
        The check of each; its docstring says what is right.
    optional : iterable of str
        Attributes that may be None.
    where : str
        The decorator, step and flow, for the message.

    Returns
    -------
    dict
        The converted values.
    """
    checked: dict[str, Any] = {}
    for name, check in checks.items():
        value = values.get(name)
        if value is None and name in optional:
            checked[name] = None
            continue
        try:
            checked[name] = check(value)
        except Wrong as wrong:
            raise GangAttributeException(f"{where}: {name}: {wrong}.") from None
        except (ValueError, TypeError, KeyError, OverflowError):
            raise GangAttributeException(
                f"{where}: {name}={value!r} is not right; it must be {check.__doc__}"
                + (" (or left out)." if name in optional else ".")
            ) from None
    return checked
