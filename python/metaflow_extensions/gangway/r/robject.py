"""An R value as Python code holds it: R's own serialization and a description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class RObject:
    """An R object that Python code can hold, measure, index and pass on unharmed.

    Parameters
    ----------
    data : bytes
        R's serialization of the object (``serialize(x, NULL, version = 3)``).
    info : dict
        ``class`` (list of str), ``type`` (R's ``typeof``), ``length`` (elements; rows of a data
        frame) and ``dim`` (list of int, or None). Empty where it is not known yet.

    Raises
    ------
    RStartException
        When an element is asked for where R cannot be started.

    Examples
    --------
    >>> from metaflow import Task  # doctest: +SKIP
    >>> grid = Task("TuneHousing/12/start/1").data.grid  # doctest: +SKIP
    >>> len(grid)  # doctest: +SKIP
    6
    """

    __slots__ = ("data", "info")

    def __init__(self, data: bytes, info: dict[str, Any]) -> None:
        self.data = data
        self.info = info

    def __len__(self) -> int:
        if not self.info:  # Metaflow's client does not hand it over
            from .session import RSession

            self.info = RSession.current().describe(self)
        return int(self.info["length"])

    def __getitem__(self, index: int) -> Any:
        """Element ``index`` (from 0) as R's ``[[`` gives it; for a data frame a one-row one."""
        size = len(self)
        position = index + size if index < 0 else index
        if not 0 <= position < size:
            raise IndexError(f"index {index} of {self!r}")
        from .session import RSession

        return RSession.current().element(self, position)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RObject) and self.data == other.data

    def __hash__(self) -> int:
        return hash(self.data)

    def __repr__(self) -> str:
        if not self.info:
            return f"<R object, {len(self.data)} bytes>"
        dim = self.info.get("dim")
        shape = " x ".join(str(d) for d in dim) if dim else f"length {len(self)}"
        return f"<R {'/'.join(self.info['class'])}, {shape}, {len(self.data)} bytes>"
