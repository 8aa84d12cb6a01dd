"""R's vectors as NumPy's and pandas' arrays, without R."""

from __future__ import annotations

import functools
import importlib
from typing import Any

from ...exceptions import ArtifactException
from ...rds.nodes import CHARACTER, COMPLEX, DOUBLE, INTEGER, LOGICAL, NA_INTEGER, RAW, Node
from ...rds.strings import as_text
from ..describe import attribute, class_of, dimensions

_DTYPES = {LOGICAL: "<i4", INTEGER: "<i4", DOUBLE: "<f8", COMPLEX: "<c16", RAW: "u1"}
_NA_INTEGER64 = -(2**63)


class MissingModule(Exception):
    """NumPy or pandas is not installed, or does not load."""


@functools.cache
def module(name: str) -> Any:
    """Import NumPy or pandas.

    Raises
    ------
    MissingModule
        It cannot be imported.
    """
    try:
        importlib.import_module("numpy")  # pandas would name it less clearly
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingModule(f"{error.name} is not installed") from None
    except ImportError as error:
        raise MissingModule(f"{name} cannot be imported ({error})") from None


def strings(node: Node, native: str) -> list[str | None]:
    """Return the strings of a character vector; NA is None."""
    return [s if s is None or isinstance(s, str) else as_text(s, native) for s in node.value]


def numbers(node: Node) -> Any:
    """Return the elements of a vector as a NumPy array of their own, NA as R keeps it."""
    np = module("numpy")
    if "integer64" in class_of(node):  # of the package bit64: integers in the bits of doubles
        return np.frombuffer(node.value, "<i8").copy()
    return np.frombuffer(node.value, _DTYPES[node.type]).copy()


def array(node: Node, native: str) -> Any:
    """Convert a vector, matrix or array; NumPy's, or pandas' where there is an NA.

    Parameters
    ----------
    node : Node
        A logical, integer, double, complex, raw or character vector.
    native : str
        The encoding of strings that say none.
    """
    np = module("numpy")
    dim = dimensions(node)
    if node.type == CHARACTER:
        values = np.array(strings(node, native), dtype=object)
        return _shaped(values, dim)
    values = numbers(node)
    missing = _missing(node, values)
    if node.type == LOGICAL:
        values = values.astype(bool)
    if missing is None or not missing.any():
        return _shaped(values, dim)
    if dim:
        return _shaped(np.ma.MaskedArray(values, missing), dim)
    arrays = module("pandas").arrays
    return (arrays.BooleanArray if node.type == LOGICAL else arrays.IntegerArray)(values, missing)


def factor(node: Node, native: str) -> Any:
    """Convert a factor to a pandas Categorical."""
    np, pandas = module("numpy"), module("pandas")
    levels = attribute(node, "levels")
    labels = strings(levels, native) if levels is not None and levels.type == CHARACTER else []
    codes = numbers(node)
    codes = np.where(codes == NA_INTEGER, -1, codes - 1)
    if None in labels:  # a level that is NA: pandas has one way only to say that a value is missing
        place = labels.index(None)
        codes = np.where(codes == place, -1, codes - (codes > place))
        labels.remove(None)
    if codes.size and not -1 <= codes.min() <= codes.max() < len(labels):
        raise ArtifactException("A factor has values that are none of its levels.")
    return pandas.Categorical.from_codes(codes, labels, ordered="ordered" in class_of(node))


def _missing(node: Node, values: Any) -> Any:
    if "integer64" in class_of(node):
        return values == _NA_INTEGER64
    return values == NA_INTEGER if node.type in (LOGICAL, INTEGER) else None


def _shaped(values: Any, dim: list[int] | None) -> Any:
    return values if dim is None else values.reshape(dim, order="F")
