"""R's data frames and named vectors as pandas', without R."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...rds.altrep import expand
from ...rds.nodes import CHARACTER, INTEGER, LIST, NA_INTEGER, RAW, FormatError, Node
from ..describe import attribute, class_of, dimensions, integers, row_count, texts
from .arrays import module, strings


def frame(
    node: Node, vector: Callable[[Node], Any], item: Callable[[Node], Any], native: str
) -> Any:
    """Convert a data frame.

    Parameters
    ----------
    node : Node
        The data frame.
    vector : callable
        Converts a vector to an array.
    item : callable
        Converts an element of a list-column.
    native : str
        The encoding of strings that say none.
    """
    pandas = module("pandas")
    rows = row_count(node)
    index = _index(node, rows, native)
    columns: dict[int, Any] = {}
    names: list[str] = []
    for name, values in _columns(node, vector, item, native):
        if len(values) != rows:
            raise FormatError(f"column {name!r} has {len(values)} elements, in {rows} rows")
        columns[len(names)] = pandas.Series(values, index=index)
        names.append(name)
    result = pandas.DataFrame(columns, index=index)
    result.columns = names if names else pandas.RangeIndex(0)
    return result


def series(values: Any, names: list[str | None]) -> Any:
    """Convert a vector with names."""
    return module("pandas").Series(values, index=["" if n is None else n for n in names])


def _index(node: Node, rows: int, native: str) -> Any:
    found = attribute(node, "row.names")
    if found is not None and found.type == CHARACTER:
        return strings(found, native)
    if found is not None and found.type == INTEGER:
        numbers = integers(found)
        if numbers[:1] != [NA_INTEGER] and numbers != list(range(1, rows + 1)):
            return numbers  # the rows that are left of a larger data frame
    return module("pandas").RangeIndex(rows)


def _columns(
    node: Node, vector: Callable[[Node], Any], item: Callable[[Node], Any], native: str
) -> Iterator[tuple[str, Any]]:
    """Columns; those of a matrix or a data frame in the data frame apart, as R prints them."""
    names = texts(attribute(node, "names"))
    for i, column in enumerate(map(expand, node.value)):
        name = (names[i] if i < len(names) else None) or ""
        dim = dimensions(column)
        classes = class_of(column)
        if "data.frame" in classes:
            for inner, values in _columns(column, vector, item, native):
                yield f"{name}${inner}", values
        elif dim and len(dim) > 1:
            is_list = column.type == LIST
            values = _cells([item(e) for e in column.value], dim) if is_list else vector(column)
            if len(dim) > 2:
                yield name, _objects(list(values))  # in each row an array
            else:
                for j in range(dim[1]):
                    yield f"{name}[,{_column_name(column, j)}]", values[:, j]
        elif column.type == LIST and "POSIXlt" not in classes:
            yield name, _objects([item(e) for e in column.value])
        elif column.type == RAW:
            yield name, module("numpy").frombuffer(column.value, "u1")
        else:
            yield name, vector(column)


def _column_name(column: Node, j: int) -> str:
    names = attribute(column, "dimnames")
    inner = texts(expand(names.value[1])) if names is not None and names.type == LIST else []
    return (inner[j] if j < len(inner) else None) or str(j + 1)


def _cells(values: list[Any], dim: list[int]) -> Any:
    return _objects(values).reshape(dim, order="F")


def _objects(values: list[Any]) -> Any:
    """Convert a column of any objects: NumPy would make a matrix of lists of one length."""
    column = module("numpy").empty(len(values), dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return column
