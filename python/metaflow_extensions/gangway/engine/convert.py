"""Values between this process's Python and its R, with rpy2.

What R code reads of Python goes through ``from_python``, as in an R session's client; only scalars
and the engine's own arguments take the short way. What has no counterpart in R is a
``gangway_python``: an environment in R, by which Python finds the object again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .answers import PARTS, PLAIN, R
from .vectors import bytes_to_raw, raw_to_bytes

_INT_MAX = 2**31 - 1

# Python objects and R's environments for them, by their place; they live as long as the process.
_handed_on: list[tuple[Any, Any]] = []
_positions: dict[int, int] = {}  # by id()

# rpy2 makes longer vectors element by element, more slowly than R reads them.
_FEW = 100
# rpy2 has R make longer texts without R's guard (vectors.py).
_LONG_TEXT = 1 << 16
_LINE = 500  # what is shown of an object


def to_r(value: Any, ri: Any) -> Any:
    """Convert an argument of a function of the runtime to an R value.

    Parameters
    ----------
    value : object
        None, a scalar, bytes, a list of scalars of one type, or what `from_python` converts.
    ri : module
        ``rpy2.rinterface``, with R running.
    """
    sexp = _direct(value, ri)
    if sexp is not None:
        return sexp
    kind, *payload = encoded(value, lambda other: handle(other, ri), ri)
    if kind == R:
        return ri.baseenv["unserialize"](payload[0])
    return payload[0] if kind == PLAIN else handle(value, ri)


def encoded(value: Any, encode: Callable[[Any], Any], ri: Any) -> tuple[Any, ...]:
    """Make a Python value, with its tag, as the runtime's ``decode()`` understands it.

    Parameters
    ----------
    value : object
        Any Python value but an `RObject`.
    encode : callable
        Encodes what of the value has no counterpart, and the R objects in it.
    ri : module
        ``rpy2.rinterface``, with R running.
    """
    sexp = _direct(value, ri)
    if sexp is not None:
        return PLAIN, sexp
    from ..values.from_python.convert import (
        convert,
    )  # not in Ray's workers, which get R's own values only

    converted = convert(value)
    if converted is None:
        return PLAIN, handle(value, ri)
    stream = bytes_to_raw(converted.stream)
    if converted.unconverted:
        return PARTS, stream, ri.ListSexpVector([encode(other) for other in converted.unconverted])
    return R, stream, ri.StrSexpVector([])


def to_python(sexp: Any, ri: Any) -> Any:
    """Convert an R value made of scalars, vectors and lists into plain Python values.

    Parameters
    ----------
    sexp : rpy2.rinterface.Sexp
        The R value; NA becomes None.
    ri : module
        ``rpy2.rinterface``, with R running.
    """
    if sexp.typeof == ri.RTYPES.NILSXP:
        return None
    if sexp.typeof == ri.RTYPES.RAWSXP:
        return raw_to_bytes(sexp)
    if sexp.typeof == ri.RTYPES.ENVSXP:  # a gangway_python
        return _handed_on[sexp["position"][0]][0]
    values = [_element(sexp, i, ri) for i in range(len(sexp))]
    names = sexp.names
    if names.typeof != ri.RTYPES.NILSXP:
        return dict(zip((str(n) for n in names), values, strict=True))
    if sexp.typeof != ri.RTYPES.VECSXP and len(values) == 1:
        return values[0]
    return values


def handle(value: Any, ri: Any) -> Any:
    """Return the ``gangway_python`` of a Python object (its methods: runtime/task/python.R)."""
    position = _positions.setdefault(id(value), len(_handed_on))
    if position == len(_handed_on):
        _handed_on.append((value, _environment(position, value, ri)))
    return _handed_on[position][1]


def _environment(position: int, value: Any, ri: Any) -> Any:
    base = ri.baseenv
    environment = base["new.env"](parent=base["emptyenv"]())
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    environment["position"] = ri.IntSexpVector([position])
    environment["type"] = ri.StrSexpVector([kind])
    environment["shown"] = ri.StrSexpVector([_shown(value)])
    base["lockEnvironment"](environment, bindings=True)
    return base["class<-"](environment, ri.StrSexpVector(["gangway_python"]))


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # a user's class may do anything
        text = f"(its repr() fails: {type(error).__name__})"
    text = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LINE else text[:_LINE] + " ..."


def _element(sexp: Any, i: int, ri: Any) -> Any:
    value = sexp[i]
    if isinstance(value, ri.Sexp):
        return to_python(value, ri)
    if value is ri.NA_Integer or value is ri.NA_Logical or value is ri.NA_Character:
        return None
    kinds = {ri.RTYPES.LGLSXP: bool, ri.RTYPES.INTSXP: int, ri.RTYPES.REALSXP: float}
    return kinds.get(sexp.typeof, str)(value)


def _direct(value: Any, ri: Any) -> Any:
    """R's value of what needs no thought, or None."""
    if value is None:
        return ri.NULL
    kind = type(value)
    if kind is bytes:
        return bytes_to_raw(value)
    values = value if kind is list and len(value) <= _FEW else [value]
    kinds = set(map(type, values))
    if kinds == {bool}:
        return ri.BoolSexpVector(values)
    if kinds == {float}:
        return ri.FloatSexpVector(values)
    if kinds == {int} and all(-_INT_MAX <= v <= _INT_MAX for v in values):
        return ri.IntSexpVector(values)
    if kinds == {str} and all(map(_is_plain, values)):
        return ri.StrSexpVector(values)
    return None


def _is_plain(text: str) -> bool:
    return text.isascii() and "\0" not in text and len(text) <= _LONG_TEXT
