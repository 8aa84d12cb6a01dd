"""Which plain Python values an R session can take over without changing them."""

from __future__ import annotations

from typing import Any

# R's integers have 32 bits, and the smallest of them means NA; its doubles are exact up to 2**53
INTEGER_LIMIT = 2**31
DOUBLE_LIMIT = 2**53


class Inexact(ValueError):
    """A value has no equal in R."""


def exact(value: Any) -> tuple[bool, Any]:
    """
    Make a value safe for reticulate's conversion, which gives 0 for 2**40 and says nothing.

    Parameters
    ----------
    value : Any
        An artifact that Python code stored.

    Returns
    -------
    tuple[bool, Any]
        True and the value, with integers that R keeps as doubles turned into floats; or False
        and the value as it is, which then should stay a Python object.
    """
    try:
        return True, _convert(value)
    except Inexact:
        return False, value


def _convert(value: Any) -> Any:
    kind = type(value)
    if kind is int:
        return _number(value)
    if kind is str and "\0" in value:
        raise Inexact("R's strings hold no NUL")
    if kind is bytes or kind is memoryview:
        return bytearray(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _convert(value._asdict())
    if kind in (list, tuple, set, frozenset):
        return _sequence(list(value))
    if kind is dict:
        if not all(type(key) is str and key for key in value):
            raise Inexact("R's names are strings")
        return {key: _convert(item) for key, item in value.items()}
    return value


def _number(value: int) -> int | float:
    if -INTEGER_LIMIT < value < INTEGER_LIMIT:
        return value
    if abs(value) <= DOUBLE_LIMIT:
        return float(value)
    raise Inexact("R has no integers of more than 53 bits")


def _sequence(values: list[Any]) -> list[Any]:
    converted = [_convert(item) for item in values]
    # numbers are one vector in R, as in a task: one double makes all of them doubles
    if {type(item) for item in converted} == {int, float}:
        return [float(item) for item in converted]
    return converted
