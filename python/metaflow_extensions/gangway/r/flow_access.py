"""What R code may read and write of a running Metaflow flow."""

from __future__ import annotations

import keyword
import os
from collections.abc import Callable, Sequence
from typing import Any

from ..did_you_mean import did_you_mean
from ..exceptions import ArtifactException
from ..mf import flow as flow_state
from . import foreach

# Names on a FlowSpec that R code reads as if they were artifacts.
_PROPERTIES = ("input", "index")
# Where Metaflow keeps the name of the flow.
_FLOW_NAME = "name"


def artifact(flow: Any, name: str, unsaved: Sequence[str] = (), inputs: Sequence[Any] = ()) -> Any:
    """Return an artifact, a parameter, ``input`` or ``index`` of a flow.

    Parameters
    ----------
    flow : FlowSpec
        The running flow, or an input of a join.
    name : str
        What to return.
    unsaved : sequence of str
        Artifacts that R has not handed over yet: for the advice only.
    inputs : sequence of FlowSpec
        Of a join, its inputs: for the advice only.

    Raises
    ------
    ArtifactException
        When there is none of that name; it names the nearest ones.
    """
    if name in _PROPERTIES or name in artifact_names(flow):
        try:
            return foreach.element(flow) if name == "input" else _value(flow, name)
        except ArtifactException as error:
            raise _damaged(flow, name, error) from None
    if any(name in artifact_names(one) for one in inputs):
        raise ArtifactException(
            f"There is no artifact {name!r} in {label(flow)}, which is a join: its inputs have it. "
            f"merge_artifacts(self, inputs) before takes over what is the same in all of them; "
            f"gather_inputs(inputs, {name!r}) gives the value of each."
        )
    known = sorted({*artifact_names(flow), *unsaved})
    hint = did_you_mean(name, known) or f"It has {_list(known) or 'none'}."
    raise ArtifactException(f"There is no artifact {name!r} in {label(flow)}. {hint}")


def foreach_element(flow: Any, level: int) -> Any:
    """Return the element of a foreach around a flow's task; see `foreach.element`."""
    try:
        return foreach.element(flow, level)
    except ArtifactException as error:
        raise ArtifactException(f"The foreach around {label(flow)}: {error.message}") from None


def _value(flow: Any, name: str) -> Any:
    if name in vars(flow) or hasattr(type(flow), name):
        return getattr(flow, name)
    return flow_state.stored(flow, name)


def parameter_file(flow: Any, name: str, folder: str) -> str | None:
    """Write the content of a file parameter, under the file's own name, and return the path."""
    content = getattr(flow, name)
    if content is None:
        return None
    path = os.path.join(folder, os.path.basename(content.name))
    with open(path, "wb") as file:
        file.write(content)
    return path


def artifact_names(flow: Any) -> list[str]:
    """Names of the artifacts and parameters that a flow object holds now, sorted."""
    held = {*flow_state.contents(flow), *vars(flow)}
    return sorted(n for n in held if not n.startswith("_") and n != _FLOW_NAME)


def name_problem(flow: Any, name: str) -> str:
    """Say why an artifact cannot have this name, or return an empty string."""
    if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
        return (
            f"`{name}` cannot be an artifact's name: use letters, digits and underscores, not "
            "first a digit or an underscore, and no Python keyword."
        )
    if name == _FLOW_NAME:
        return f"`self${name}` is where Metaflow keeps the flow's own name; choose another name."
    if flow_state.is_parameter(flow, name):
        return f"`self${name}` is a parameter of the flow or belongs to Metaflow and cannot be set."
    if hasattr(type(flow), name):
        return f"`self${name}` is a step of the flow or belongs to Metaflow; choose another name."
    return ""


def input_names(inputs: Sequence[Any]) -> list[str]:
    """Names of a join's inputs: the steps, where each input comes from another step."""
    steps = [flow_state.step_of(i) for i in inputs]
    return steps if len(set(steps)) == len(steps) > 1 else []


def input_problem(known: Sequence[str], name: str) -> str:
    """Say that a join has no input of this name, and which it has."""
    if not known:
        return (
            f"There is no input {name!r}: the inputs of this join have no names. inputs[[1]] is "
            f"the first; gather_inputs(inputs, {name!r}) gives the artifact of that name from each."
        )
    hint = did_you_mean(name, known) or f"The inputs are {_list(known)}."
    return f"There is no input {name!r} of this join. {hint}"


def label(flow: Any) -> str:
    """How a flow object is called in messages: its task's path."""
    from metaflow import current

    # The running flow's datastore is that of the task before it.
    if flow_state.step_of(flow) == current.step_name:
        return str(current.pathspec)
    return flow_state.path_of(flow)


def current_value(name: str) -> Any:
    """Return a value of Metaflow's ``current``."""
    from metaflow import current

    if name.startswith("_") or not hasattr(current, name):
        known = [n for n in dir(current) if not n.startswith("_")]
        hint = did_you_mean(name, known) or f"It has {_list(known)}."
        raise ArtifactException(f"`current` has no {name!r} here. {hint}")
    return getattr(current, name)


def merge(
    flow: Any,
    inputs: Sequence[Any],
    exclude: Sequence[str],
    include: Sequence[str],
    same: Callable[[Any, Any], bool],
) -> None:
    """Metaflow's ``merge_artifacts``, for which equal contents are no conflict.

    Metaflow compares the stored bytes; two R objects, or two data frames, may be equal all the
    same.

    Parameters
    ----------
    same : callable
        Whether two artifacts have the same contents.

    Raises
    ------
    ArtifactException
        For artifacts that differ; it names them and the tasks that they come from.
    """
    if exclude and include:
        raise ArtifactException(
            "merge_artifacts(): give `exclude` or `include`, not both. `include` names all that is "
            "merged, `exclude` what is not."
        )
    held = set(artifact_names(flow))
    wanted = [n for n in _merged_names(inputs) if n not in held and n not in exclude]
    wanted = [n for n in wanted if not include or n in include]
    equal, conflicts = [], []
    for name in wanted:
        holders = _by_content(inputs, name)
        if len(holders) > 1:
            first, *others = (_load(i, name) for i in holders)
            if all(same(first, other) for other in others):
                equal.append(name)
            else:
                conflicts.append(f"{name!r} ({_list_plain([label(i) for i in holders])})")
    if conflicts:
        raise ArtifactException(
            "merge_artifacts(): these artifacts have different values: "
            + "; ".join(conflicts)
            + ". Assign them before merging, self$name <- ..., or leave them out with `exclude`."
        )
    rest = [n for n in include if n not in equal]
    if not include or rest:
        flow.merge_artifacts(
            list(inputs),
            exclude=None if include else [*exclude, *equal],
            include=rest or None,
        )
    for name in equal:
        holder = _by_content(inputs, name)[0]
        flow_state.hand_on(flow, holder, name)


def _merged_names(inputs: Sequence[Any]) -> list[str]:
    # What Metaflow keeps for itself begins with an underscore, or is the flow's name.
    names = {name for i in inputs for name in flow_state.contents(i)}
    return sorted(n for n in names if not n.startswith("_") and n != _FLOW_NAME)


def _by_content(inputs: Sequence[Any], name: str) -> list[Any]:
    """One input for each content that is stored under a name."""
    contents: dict[str, Any] = {}
    for one in inputs:
        key = flow_state.contents(one).get(name)
        if key is not None:
            contents.setdefault(key, one)
    return list(contents.values())


def _load(flow: Any, name: str) -> Any:
    """Return an artifact that is not kept on the flow object: it is only compared."""
    try:
        return flow_state.stored(flow, name)
    except ArtifactException as error:
        raise _damaged(flow, name, error) from None


def _damaged(flow: Any, name: str, error: ArtifactException) -> ArtifactException:
    return ArtifactException(f"Artifact {name!r} of {label(flow)}: {error.message}")


def _list_plain(names: Sequence[str]) -> str:
    return ", ".join(names)


def _list(names: Sequence[str]) -> str:
    return ", ".join(repr(n) for n in names)
