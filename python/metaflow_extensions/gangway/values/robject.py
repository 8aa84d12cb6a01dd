"""An R value as Python code holds it: R's own serialization and a description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..rds.trailer import read_trailer
from .reading import reading


class RObject:
    """An R object that Python code can hold, measure, index, convert and pass on unharmed.

    Parameters
    ----------
    data : bytes
        A stored artifact: R's serialization of the object, and its description.

    Raises
    ------
    ArtifactException
        When it is asked for something, and the bytes are damaged.
    RStartException
        When only R knows an element, and R cannot be started.

    Examples
    --------
    >>> from metaflow import Task  # doctest: +SKIP
    >>> grid = Task("TuneHousing/12/start/1").data.grid  # doctest: +SKIP
    >>> grid  # doctest: +SKIP
    <R tbl_df/tbl/data.frame, 6 x 3, 1.2 kB>
    >>> grid.to_python()  # doctest: +SKIP
    """

    # The name in pickles, which outlive where the code lies; that module is the one to import.
    __module__ = "metaflow_extensions.gangway.r.robject"
    __slots__ = ("_checked", "_info", "_read", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._info: dict[str, Any] | None = None
        self._read: Any = None
        self._checked = False

    @property
    def info(self) -> dict[str, Any]:
        """The description; `rds.trailer.add_trailer` says what it has."""
        if self._info is None:
            self._info = reading("A stored R artifact", read_trailer, self.data)
        return self._info

    def _sibling(self, data: bytes) -> RObject:
        """Another object, of an artifact's bytes."""
        return RObject(data)

    @property
    def packed_by(self) -> list[str]:
        """The R packages that packed it for storing (bundle, marshal): only R can unpack it."""
        return [by for by in self.info["restore"] if by in ("bundle", "marshal")]

    @property
    def classes(self) -> list[str]:
        """R's ``class()``."""
        return list(self.info["class"])

    @property
    def names(self) -> list[str | None] | None:
        """The names of the elements: a data frame's columns, an environment's variables."""
        from .elements import names, refuse_packed

        refuse_packed(self)
        return reading(self, names, self.node)

    @property
    def node(self) -> Any:
        """The object as a `rds.nodes.Node`, read without R."""
        return self._reading()[0]

    @property
    def header(self) -> Any:
        """What R's serialization tells of the R that wrote it."""
        return self._reading()[1]

    def check(self) -> None:
        """Refuse what R must not read.

        Raises
        ------
        ArtifactException
            The bytes are damaged, or hold code where R writes data (CVE-2024-27322).
        """
        from ..rds.scan import check_stream

        if not self._checked:
            reading(self, check_stream, self.data, self.info["bytes"])
            self._checked = True

    def to_python(self) -> Any:
        """Convert to Python's own types, NumPy's and pandas', without R.

        Functions, calls, environments, S4 and R6 objects remain an `RObject`.

        Raises
        ------
        ArtifactException
            NumPy or pandas is needed and not installed, or the bytes are damaged.
        """
        from .to_python.convert import convert

        return convert(self)

    def to_builtins(self) -> Any:
        """Convert to Python's own types alone, without R, NumPy and pandas.

        A data frame is a dict of its columns, a vector a list, or with names a dict, a matrix a
        list of its rows; a factor has its labels, and NA is None. What remains an `RObject` with
        `to_python` does so here, and a POSIXlt.

        Raises
        ------
        ArtifactException
            The bytes are damaged, or a date is none that Python knows.

        Examples
        --------
        >>> task.data.grid.to_builtins()  # doctest: +SKIP
        {'trees': [100, 500], 'split': ['gini', None]}
        """
        from .to_python.builtins import convert

        return convert(self)

    def _reading(self) -> Any:
        if self._read is None:
            from ..rds.read import Reader

            reader = reading(self, Reader, self.data, self.info["bytes"])
            self._read = reading(self, reader.run), reader.header
        return self._read

    def __len__(self) -> int:
        from .containers import count

        return count(self)

    def __bool__(self) -> bool:
        from .containers import is_container

        return not is_container(self) or self.info["length"] != 0

    def __getitem__(self, index: int | str) -> Any:
        """Return an element as R's ``[[`` gives it, by position (from 0) or by name.

        By position, a data frame gives one-row data frames; by name, its columns. What has an exact
        counterpart in Python (scalars without attributes and NA, NULL) comes as such.

        Raises
        ------
        IndexError, KeyError
            There is no such element; an environment's have names alone.
        TypeError
            It is neither a number nor a name, or the object has no elements: a function, a symbol,
            an S4 object whose class has no method for ``[[``.
        """
        from .elements import element

        return element(self, index)

    def __iter__(self) -> Iterator[Any]:
        from .containers import has_names_alone, is_container

        if has_names_alone(self) or not is_container(self):
            raise TypeError(f"{self!r} is not iterable")
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RObject) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return RObject, (self.data,)

    def __repr__(self) -> str:
        from .containers import is_container

        info = self.info
        what = [f"R {'/'.join(info['class'])}", _size(info["bytes"])]
        if info["dim"] and len(info["dim"]) > 1:
            what.insert(1, " x ".join(map(str, info["dim"])))
        elif is_container(self) and info.get("opaque", 0) is not None:
            what.insert(1, f"length {int(info['length'])}")
        return f"<{', '.join(what)}>"


def _size(n: int) -> str:
    if n < 1000:
        return f"{n} bytes"
    power = min((len(str(n)) - 1) // 3, 3)
    return f"{n / 1000**power:.1f} {('kB', 'MB', 'GB')[power - 1]}"
