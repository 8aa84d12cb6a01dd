"""Plain Python values to R values and back, for what has an exact counterpart in both."""

from __future__ import annotations

from typing import Any

from . import embed

_INT_MAX = 2**31 - 1
# Doubles hold every whole number up to here.
_EXACT_MAX = 2**53

# Objects that R holds by their place in this list; they live as long as the process.
_handed_on: list[Any] = []


def to_r(value: Any, ri: Any) -> Any:
    """Convert a plain Python value into an R value.

    Scalars become vectors of length one, lists of scalars of one type become vectors, other lists
    and dicts become lists; an exception kept by ``@catch`` becomes its message. What has no R
    counterpart becomes a ``gangway_python`` that can be handed on and prints what it is.

    Parameters
    ----------
    value : object
        The Python value.
    ri : module
        ``rpy2.rinterface``, with R running.
    """
    if value is None:
        return ri.NULL
    if isinstance(value, (bool, int, float, str)):
        return _scalars([value], ri)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return embed.bytes_to_raw(value)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return _named_list(value, ri)
    if isinstance(value, (list, tuple, set, frozenset)):
        return _sequence(list(value), ri)
    if type(value).__name__ == "MetaflowExceptionWrapper":
        return _caught(value, ri)
    return _handed(value, ri)


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
        return embed.raw_to_bytes(sexp)
    if sexp.typeof == ri.RTYPES.REALSXP and _has_class(sexp, "gangway_python"):
        return _handed_on[int(sexp[0])]
    values = [_element(sexp, i, ri) for i in range(len(sexp))]
    names = sexp.names
    if names.typeof != ri.RTYPES.NILSXP:
        return dict(zip((str(n) for n in names), values, strict=True))
    if sexp.typeof != ri.RTYPES.VECSXP and len(values) == 1:
        return values[0]
    return values


def _has_class(sexp: Any, name: str) -> bool:
    classes = sexp.list_attrs()
    return "class" in classes and name in list(sexp.do_slot("class"))


def _handed(value: Any, ri: Any) -> Any:
    _handed_on.append(value)
    return _with_attributes(
        ri.FloatSexpVector([float(len(_handed_on) - 1)]),
        {"class": "gangway_python", "repr": repr(value)},
        ri,
    )


def _with_attributes(sexp: Any, attributes: dict[str, str], ri: Any) -> Any:
    for name, text in attributes.items():
        sexp.do_slot_assign(name, ri.StrSexpVector([text]))
    return sexp


def _element(sexp: Any, i: int, ri: Any) -> Any:
    value = sexp[i]
    if isinstance(value, ri.Sexp):
        return to_python(value, ri)
    if value is ri.NA_Integer or value is ri.NA_Logical or value is ri.NA_Character:
        return None
    kinds = {ri.RTYPES.LGLSXP: bool, ri.RTYPES.INTSXP: int, ri.RTYPES.REALSXP: float}
    return kinds.get(sexp.typeof, str)(value)


def _scalars(values: list[Any], ri: Any) -> Any:
    kind = type(values[0])
    if kind is bool:
        return ri.BoolSexpVector(values)
    if isinstance(values[0], str):
        return ri.StrSexpVector(values)
    if isinstance(values[0], int) and all(-_INT_MAX <= v <= _INT_MAX for v in values):
        return ri.IntSexpVector(values)
    if isinstance(values[0], int) and any(abs(v) > _EXACT_MAX for v in values):
        # Neither an R integer nor a double holds it; its digits do.
        return ri.StrSexpVector([str(v) for v in values])
    return ri.FloatSexpVector([float(v) for v in values])


def _sequence(values: list[Any], ri: Any) -> Any:
    kinds = {type(v) for v in values}
    if kinds and (kinds <= {int, float} or (len(kinds) == 1 and kinds <= {bool, str})):
        if kinds == {int, float}:
            values = [float(v) for v in values]
        return _scalars(values, ri)
    return ri.ListSexpVector([to_r(v, ri) for v in values])


def _named_list(value: dict[Any, Any], ri: Any) -> Any:
    result = ri.ListSexpVector([to_r(v, ri) for v in value.values()])
    result.names = ri.StrSexpVector([str(k) for k in value])
    return result


def _caught(value: Any, ri: Any) -> Any:
    attributes = {"class": "metaflow_exception", "type": str(value.type), "traceback": str(value)}
    return _with_attributes(ri.StrSexpVector([str(value.exception)]), attributes, ri)
