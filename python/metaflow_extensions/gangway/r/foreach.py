"""What a foreach goes over: each task gets the element that R's ``[[`` gives."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..exceptions import ArtifactException
from ..mf import flow as flow_state
from ..mf.fast_gzip import SMALLEST
from ..mf.stored_parts import open_parts
from ..rds.trailer import ENCODING, description_from
from ..values import asking
from ..values.from_python.convert import to_blob
from ..values.from_python.scalars import kind_of
from ..values.robject import RObject
from .foreach_index import Element, count_of, element_of, with_index

# The artifact with the elements, by level, of foreaches whose lists have been assigned anew.
_KEPT = "_gangway_elements"
flow_state.keep_apart(_KEPT)
_TABLES = {"DataFrame", "Series", "Table", "RecordBatch"}
_LIBRARIES = {"pandas", "pyarrow", "polars"}
# Python goes over these by itself; what R makes of all others is R's to say.
_VECTORS = frozenset(
    (
        "NULL",
        "logical",
        "integer",
        "double",
        "complex",
        "character",
        "raw",
        "list",
        "pairlist",
        "expression",
        "language",
    )
)


def prepare(flow: Any) -> None:
    """At the end of a step, make R's object of what Metaflow would split in another way than R.

    Python goes through the letters of a string, the columns of a data frame and the keys of a dict,
    and through a number not at all. Metaflow then takes the elements by number.

    Raises
    ------
    ArtifactException
        R has no counterpart of the value, or of a part of it, or the value has no elements in R.
    """
    _keep_elements(flow)
    name = flow_state.split_over(flow)
    if not name or not hasattr(flow, name):
        return
    value = getattr(flow, name)
    whole = _whole(value) if isinstance(value, RObject) else _in_r(name, value)
    if whole is None:
        return
    if isinstance(whole, _Elements):
        whole.count(f"foreach over {name!r}")
    if isinstance(value, RObject):
        whole = with_index(whole) or whole
        _release()
    if flow_state.is_parameter(flow, name):
        # A parameter stays what it was given as: this is for the split, in this process.
        setattr(type(flow), name, property(lambda _: whole))
    elif whole is not value:
        setattr(flow, name, whole)


def element(flow: Any, level: int = -1) -> Any:
    """Return the task's element of a foreach: ``input``, but as R gives it with ``[[``.

    In R, the 1 of ``[1, 2.5]`` is a double, and the first string of a categorical a factor.

    Parameters
    ----------
    flow : FlowSpec
        The running flow, or an input of a join.
    level : int
        Which of nested foreaches; the outermost is 0.

    Raises
    ------
    ArtifactException
        The artifact has other elements than at the split.
    """
    frames = flow_state.foreach_frames(flow)
    if not frames:
        return flow.input
    level %= len(frames)
    before = flow_state.before_step(flow)
    if kept := _kept(before).get(level):
        return kept[0]
    frame = frames[level]
    if stored := _stored(before, frame, Element.for_r):
        return stored[0]
    value = _all_of(before, frame.var)
    if value is None:
        return None
    if isinstance(value, RObject):
        whole = _whole(value)
        if "elements" in value.info:
            _check(count_of(value.info), frame)
            return element_of(value, frame.index)
        _check(whole.count() if isinstance(whole, _Elements) else len(whole), frame)
        return whole[frame.index]
    if _holds_containers(value):
        _check(len(value), frame)
    else:
        blob = to_blob(value)
        # of a matrix, Metaflow counts the rows
        if blob is not None and len(whole := RObject(blob)) == frame.num_splits:
            return whole[frame.index]
    return _at(value, frame.index)


def places(flow: Any) -> list[list[int | None]]:
    """Index and number of splits of each foreach around a task, the outermost first."""
    return [[frame.index, frame.num_splits] for frame in flow_state.foreach_frames(flow)]


def settle_inputs(flow: Any, inputs: Sequence[Any] | None = None, *, quiet: bool = False) -> None:
    """Let Metaflow's ``input`` be the element, where Metaflow would read all or another one.

    It would read the whole list for one element, of a parameter that is a string a letter, of a
    list that has been assigned since the split another element, and in a join that is within
    another foreach None.

    Parameters
    ----------
    flow : FlowSpec
        The running flow.
    inputs : sequence of FlowSpec, optional
        The inputs of a join.
    quiet : bool
        Leave to Metaflow what cannot be found, instead of raising `ArtifactException`.
    """

    def find(level: int) -> tuple[Any] | None:
        frames = flow_state.foreach_frames(flow)  # not before: of each input it is a read
        if not frames:
            return None
        try:
            return _input(flow, level, frames[level])
        except ArtifactException:
            if quiet:
                return None
            raise

    flow_state.settle_inputs(flow, find, inputs[0] if inputs else flow)


def _input(flow: Any, level: int, frame: Any) -> tuple[Any] | None:
    """Return what Python sees of an element; None where Metaflow's way gives just that."""
    before = flow_state.before_step(flow)
    if kept := _kept(before).get(level):
        return kept[1]
    if stored := _stored(before, frame, Element.plain):
        return stored
    if flow_state.is_parameter(flow, frame.var):
        is_other = _is_split_otherwise(getattr(flow, frame.var))
        return (element(flow, level),) if is_other else None
    if not _is_another(flow, frame):
        return None
    whole = flow_state.stored(before, frame.var)
    return (_at(_whole(whole) if isinstance(whole, RObject) else whole, frame.index),)


def _keep_elements(flow: Any) -> None:
    """Keep the element of each foreach whose list the steps that follow do not find.

    This step has assigned another one, whose element of that number is none of this task's. A join
    has no list, or that which it has taken over from its inputs; and what they have kept.
    """
    frames = flow_state.foreach_frames(flow)
    if not frames:
        return
    before = flow_state.before_step(flow)
    had = _kept(before)
    kept = {level: had[level] for level in range(len(frames)) if level in had}
    for level, frame in enumerate(frames):
        if level not in kept and _is_another(flow, frame):
            # What cannot be told is an error where it is asked for.
            with contextlib.suppress(ArtifactException):
                kept[level] = (element(flow, level), _input(flow, level, frame))
    if len(kept) > len(had) or (kept and before is not flow):
        setattr(flow, _KEPT, kept)


def _kept(flow: Any) -> dict[int, tuple[Any, tuple[Any] | None]]:
    """Return the elements that an earlier step has kept: for R, and for Python."""
    datastore = flow_state.datastore_of(flow)
    if datastore is None or _KEPT not in datastore:
        return {}
    return flow_state.stored(flow, _KEPT)  # type: ignore[no-any-return]


def _is_another(flow: Any, frame: Any) -> bool:
    """Whether the list may be another one than before the step; Python may only have read it."""
    name, before = frame.var, flow_state.before_step(flow)
    # Without a number of splits it is the nodes of a gang.
    if frame.num_splits is None or hasattr(type(flow), name):
        return False
    if name not in flow_state.datastore_of(before):
        return False
    if name in vars(flow):
        return True
    stored = flow_state.contents
    return before is not flow and stored(flow).get(name) != stored(before)[name]


def _stored(flow: Any, frame: Any, use: Callable[[Element], Any]) -> tuple[Any] | None:
    """Return what `use` makes of an element that can be read from the store without the others."""
    name = frame.var
    if hasattr(type(flow), name):
        return None
    try:
        info = flow_state.about(flow, name)
        if info["encoding"] != ENCODING or info["size"] < SMALLEST:
            return None
        with open_parts(flow_state.datastore_of(flow), name) as parts:
            about = description_from(parts.read, parts.size)
            if "elements" not in about:
                return None
            _check(count_of(about), frame)
            return (use(Element(parts.copy, about, frame.index)),)
    except ArtifactException:
        raise
    except Exception:  # no index, or another store than parts can be read of: all of it is read
        return None


class _Elements(RObject):
    """An object whose elements only R can tell, such as an environment."""

    __slots__ = ()

    def count(self, what: str = "foreach") -> int:
        return int(asking.engine().count(self, what))

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(self.count()))

    def __getitem__(self, index: int | str) -> Any:
        return asking.engine().element(self, index)


def _whole(value: RObject) -> RObject:
    return value if value.info["type"] in _VECTORS else _Elements(value.data)


def _at(values: Any, index: int) -> Any:
    try:
        return values[index]
    except TypeError:
        return next(islice(values, index, None))


def _in_r(name: str, value: Any) -> RObject | None:
    """R's object of what Metaflow would split in another way, or not at all."""
    from metaflow.unbounded_foreach import UnboundedForeachInput

    if isinstance(value, UnboundedForeachInput) or not _is_split_otherwise(value):
        return None
    blob = to_blob(value)
    if blob is None:
        raise ArtifactException(
            f"foreach over {name!r}: R has no counterpart of this {type(value).__name__}, or of a "
            "part of it, so it has no elements for R's tasks. Make a list of what each task needs."
        )
    return RObject(blob)


def _is_split_otherwise(value: Any) -> bool:
    if isinstance(value, (Mapping, str)):
        return True
    try:
        iter(value)
    except TypeError:
        return True
    bases = type(value).__mro__
    return any(
        base.__name__ in _TABLES and base.__module__.split(".")[0] in _LIBRARIES for base in bases
    )


def _holds_containers(value: Any) -> bool:
    """Whether it is a list in R as well, whose elements are what they are."""
    if not isinstance(value, (list, tuple, deque)):
        return False
    return not all(kind_of(cls) for cls in set(map(type, value)))


def _all_of(flow: Any, name: str) -> Any:
    # Not kept on the flow object: Metaflow would pack it again at the end of the task.
    # And not what is there, which the running step may have assigned.
    if hasattr(type(flow), name):
        return getattr(flow, name)
    return flow_state.stored(flow, name) if name in flow_state.datastore_of(flow) else None


def _check(count: int, frame: Any) -> None:
    if count != frame.num_splits:
        raise ArtifactException(
            f"This task's element is the one with index {frame.index} of {frame.num_splits}, and "
            f"{frame.var!r} has {count} elements now: a step since the split has assigned it. Let "
            "that step use another name."
        )


def _release() -> None:
    """Let R forget what it was asked for the elements of."""
    if asking.running is not None:
        asking.running.release()
