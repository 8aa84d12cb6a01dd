"""What Metaflow keeps of a running flow, and of the inputs of a join, and has no public way to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from metaflow.flowspec import INTERNAL_ARTIFACTS_SET
from metaflow.metaflow_current import current


def step_of(flow: Any) -> str:
    """Return the step that a flow object runs, or has run."""
    return flow._current_step  # type: ignore[no-any-return]


def path_of(flow: Any) -> str:
    """Return the path of the task that an input of a join comes from."""
    return f"{type(flow).__name__}/{flow._datastore.pathspec}"


def datastore_of(flow: Any) -> Any:
    """Return the task's datastore, or before the first step None."""
    return flow._datastore


def contents(flow: Any) -> dict[str, str]:
    """Return what is stored: the key of its content by the artifact's name."""
    return dict(flow._datastore.items()) if flow._datastore else {}


def stored(flow: Any, name: str) -> Any:
    """Read an artifact, and do not keep it on the flow object as getattr() would.

    At a task's end Metaflow hands on by its key what is not there, without packing it again.
    """
    return flow._datastore[name]


def about(flow: Any, name: str) -> dict[str, Any]:
    """Return what Metaflow has noted of an artifact: its ``encoding`` and its ``size``."""
    return flow._datastore._info[name]  # type: ignore[no-any-return]


def hand_on(flow: Any, other: Any, name: str) -> None:
    """Let a flow store an artifact of another one by its key."""
    flow._datastore.passdown_partial(other._datastore, [name])


def is_parameter(flow: Any, name: str) -> bool:
    """Whether a name is a parameter or a constant of the class: Metaflow makes properties."""
    return isinstance(getattr(type(flow), name, None), property)


def split_over(flow: Any) -> str | None:
    """Return the artifact that the running step is split over."""
    return flow._graph[flow._current_step].foreach_param  # type: ignore[no-any-return]


def switch_over(flow: Any) -> tuple[str, list[str]] | None:
    """Return the artifact that chooses the running step's next one, and what it may be."""
    node = flow._graph[flow._current_step]
    return (node.condition, list(node.switch_cases)) if node.type == "split-switch" else None


def foreach_frames(flow: Any) -> list[Any]:
    """Return a task's foreaches, the outermost first: each has `var`, `index`, `num_splits`."""
    return flow._foreach_stack or []


def sort_inputs(flow: Any, inputs: Any) -> None:
    """Put the inputs of a foreach's join in the order of its list.

    Step Functions keeps the tasks' ids as a set, and hands them to the join in any order.
    """
    graph = flow._graph
    node = graph[flow._current_step]
    if node.type == "join" and graph[node.split_parents[-1]].type == "foreach":
        # A gang's control task has no index, or 0.
        inputs.flows.sort(key=lambda one: one._foreach_stack[-1].index or 0)


class _Inputs(dict[int, Any]):
    """Metaflow's cache of ``input`` by level, which is asked before Metaflow reads the list."""

    def __init__(self, find: Callable[[int], tuple[Any] | None], before: Any) -> None:
        super().__init__()
        self._find = find
        self.before = before

    def __contains__(self, level: object) -> bool:
        if not super().__contains__(level):
            found = self._find(level)  # type: ignore[arg-type]
            if found is None:
                return False
            self[level] = found[0]  # type: ignore[index]
        return True


def settle_inputs(flow: Any, find: Callable[[int], tuple[Any] | None], before: Any) -> None:
    """Let Metaflow's ``input`` at each level of the foreaches be what a function finds.

    Parameters
    ----------
    flow : FlowSpec
        The running flow.
    find : callable
        Takes the level, and returns a tuple of one value, or None where Metaflow shall look.
    before : FlowSpec
        What `before_step` returns.
    """
    flow._cached_input = _Inputs(find, before)


def before_step(flow: Any) -> Any:
    """Return the flow that has what was stored before the step: of a join, an input."""
    return getattr(flow._cached_input, "before", flow)


def keep_apart(name: str) -> None:
    """Let ``merge_artifacts`` leave an artifact alone, as it leaves Metaflow's own."""
    INTERNAL_ARTIFACTS_SET.add(name)


def is_control(flow: Any) -> bool:
    """Whether an input of a join is the control task of a gang."""
    return "_control_mapper_tasks" in contents(flow)


def name_tasks(flow: Any, paths: list[str]) -> None:
    """Say which tasks a gang has, on its control task."""
    flow._control_mapper_tasks = paths


def keep_tasks(flow: Any, nodes: list[int]) -> None:
    """Leave out the tasks of all other nodes of a gang, on its control task."""
    flow._control_mapper_tasks = [flow._control_mapper_tasks[node] for node in nodes]


def add_to_current(values: Mapping[str, Any]) -> None:
    """Put values on ``current``."""
    current._update_env(dict(values))
