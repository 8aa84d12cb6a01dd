"""Whether two Python artifacts have the same contents, for ``merge_artifacts``."""

from __future__ import annotations

import copyreg
import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

# Of these `==` says all there is.
_EXACT = {bool, int, str, bytes, bytearray}


def same_contents(first: Any, second: Any) -> bool:
    """Compare two values; what cannot be compared for certain counts as different.

    They are the same if nothing tells one from the other once it is stored: 0.0 and -0.0 differ, as
    do 1 and True, Decimal("1.0") and Decimal("1.00"), and a dict in another order. NaN is NaN.

    Parameters
    ----------
    first, second : object
        Plain values, NumPy arrays, pandas and Arrow objects, containers of them, and what pickle
        can take apart.
    """
    try:
        return _Comparison().same(first, second)
    except Exception:  # a user's class may do anything, and a value may be nested too deeply
        return False


class _Comparison:
    def __init__(self) -> None:
        # Those that are being compared count as the same: cycles end there. The objects are kept,
        # or another one could have their id.
        self._pairs: dict[tuple[int, int], tuple[Any, Any]] = {}

    def same(self, first: Any, second: Any) -> bool:
        kind = type(first)
        if kind is not type(second):
            return False
        if first is second:
            return True
        if kind in _EXACT:
            return bool(first == second)
        if kind is float:
            return _same_floats(first, second)
        if kind is complex:
            return _same_floats(first.real, second.real) and _same_floats(first.imag, second.imag)
        pair = (id(first), id(second))
        if pair in self._pairs:
            return True
        self._pairs[pair] = (first, second)
        return self._comparison(kind)(first, second)

    def _comparison(self, kind: type) -> Callable[[Any, Any], bool]:
        if kind in (list, tuple):
            return self._each
        if kind is dict:
            # The order of keys is seen by R, where a dict is a list.
            return lambda a, b: self._each(a.items(), b.items())
        if kind in (set, frozenset):
            return self._sets
        numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
        if numpy is not None:
            if kind is numpy.ndarray:
                return self._arrays
            if kind is numpy.ma.MaskedArray:
                return self._masked
            if issubclass(kind, numpy.generic):
                return lambda a, b: self._arrays(numpy.asarray(a), numpy.asarray(b))
        if pandas is not None:
            if issubclass(kind, pandas.DataFrame):
                return self._frames
            if issubclass(kind, pandas.Series):
                return self._series
            if issubclass(kind, pandas.Index):
                return self._indices
            if issubclass(kind, pandas.api.extensions.ExtensionArray):
                return self._extensions
        return self._reduced

    def _each(self, first: Iterable[Any], second: Iterable[Any]) -> bool:
        one, other = list(first), list(second)
        return len(one) == len(other) and all(map(self.same, one, other))

    def _sets(self, first: Any, second: Any) -> bool:
        partners = {element: element for element in second}
        return len(first) == len(second) and all(
            element in partners and self.same(element, partners[element]) for element in first
        )

    def _reduced(self, first: Any, second: Any) -> bool:
        """Compare what pickle would make them of."""
        parts = [_reduce(first), _reduce(second)]
        if any(isinstance(part, str) for part in parts):
            return bool(parts[0] == parts[1])
        one, other = ([*part, *[None] * (6 - len(part))] for part in parts)
        # functions, arguments and state; elements, and those of a mapping
        return (
            self._each(one[:3], other[:3])
            and self._each(one[3] or (), other[3] or ())
            and self._each(one[4] or (), other[4] or ())
            and self.same(one[5], other[5])
        )

    def _arrays(self, first: Any, second: Any) -> bool:
        numpy = sys.modules["numpy"]
        if first.dtype != second.dtype or first.shape != second.shape:
            return False
        kind = first.dtype.kind
        if first.dtype.names:
            return all(self._arrays(first[name], second[name]) for name in first.dtype.names)
        if kind == "O":
            return all(map(self.same, first.ravel(), second.ravel()))
        if kind == "c":
            return self._arrays(first.real, second.real) and self._arrays(first.imag, second.imag)
        if kind in "mM":
            return bool((first.view("i8") == second.view("i8")).all())
        if kind == "f":
            if first.tobytes() == second.tobytes():
                return True
            missing = numpy.isnan(first) & numpy.isnan(second)
            alike = (first == second) & (numpy.signbit(first) == numpy.signbit(second))
            return bool((missing | alike).all())
        return bool((first == second).all())

    def _masked(self, first: Any, second: Any) -> bool:
        mask = sys.modules["numpy"].ma.getmaskarray
        return (
            self._arrays(first.data, second.data)
            and self._arrays(mask(first), mask(second))
            and self.same(first.fill_value, second.fill_value)
        )

    def _frames(self, first: Any, second: Any) -> bool:
        return (
            first.shape == second.shape
            and self._about(first, second)
            and self._indices(first.columns, second.columns)
            and self._indices(first.index, second.index)
            and all(
                self._values(first.iloc[:, i], second.iloc[:, i]) for i in range(first.shape[1])
            )
        )

    def _series(self, first: Any, second: Any) -> bool:
        return (
            self._about(first, second)
            and self._indices(first.index, second.index)
            and self._values(first, second)
        )

    def _about(self, first: Any, second: Any) -> bool:
        """Compare what there is beside the values: attributes, a name, a subclass's own."""
        own = first._metadata
        return self.same(first.attrs, second.attrs) and all(
            self.same(getattr(first, name, None), getattr(second, name, None)) for name in own
        )

    def _indices(self, first: Any, second: Any) -> bool:
        pandas = sys.modules["pandas"]
        if type(first) is not type(second) or len(first) != len(second):
            return False
        if not self._each(first.names, second.names):
            return False
        if isinstance(first, pandas.MultiIndex):
            return first.nlevels == second.nlevels and all(
                self._indices(first.get_level_values(i), second.get_level_values(i))
                for i in range(first.nlevels)
            )
        steps = [getattr(index, "freq", None) for index in (first, second)]
        return self._values(first, second) and bool(steps[0] == steps[1])

    def _values(self, first: Any, second: Any) -> bool:
        numpy = sys.modules["numpy"]
        if isinstance(first.dtype, numpy.dtype) and isinstance(second.dtype, numpy.dtype):
            return self._arrays(first.to_numpy(), second.to_numpy())
        return self.same(first.array, second.array)

    def _extensions(self, first: Any, second: Any) -> bool:
        pandas = sys.modules["pandas"]
        kind = first.dtype
        if kind != second.dtype or str(kind) != str(second.dtype) or len(first) != len(second):
            return False
        if isinstance(kind, pandas.CategoricalDtype):
            # Two dtypes are equal whatever the order of their categories.
            return (
                kind.ordered == second.dtype.ordered
                and self._indices(kind.categories, second.dtype.categories)
                and self._arrays(first.codes, second.codes)
            )
        if kind.kind in "iubmM" or isinstance(kind, pandas.StringDtype):
            return bool(first.equals(second))
        return self._arrays(first.to_numpy(dtype=object), second.to_numpy(dtype=object))


def _same_floats(first: float, second: float) -> bool:
    if first != first or second != second:
        return first != first and second != second
    return first == second and math.copysign(1, first) == math.copysign(1, second)


def _reduce(value: Any) -> Any:
    reducer = copyreg.dispatch_table.get(type(value))
    # 4: with 5, large data would be buffers that are no part of it
    return reducer(value) if reducer else value.__reduce_ex__(4)
