"""The R of a task: step functions run in it, and read and write the flow's artifacts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from ..engine.engine import REngine
from ..exceptions import RException
from ..mf import flow as flow_state
from ..mf import stored_exceptions
from ..mf.read_ahead import read_ahead
from ..ray_r.host import ray_functions
from ..rds.scan import problem_of
from ..values.robject import RObject
from . import card, flow_access, foreach, proxy, seed, switch
from .foreach_index import places_of
from .same_contents import same_contents

# From so many bytes of artifacts on, R's garbage is worth the time to collect it.
_LARGE = 1 << 26
# What R's `current("torch")$run(...)` is made of.
_PROXY: dict[str, Callable[..., Any]] = {
    "is_method": proxy.is_method,
    "member": getattr,
    "call": proxy.call,
}


class RSession(REngine):
    """R inside a task's process. Use `RSession.current`."""

    def __init__(self) -> None:
        super().__init__()
        stored_exceptions.enable()
        self._objects: list[Any] = []
        self._taken = 0
        self._ahead = contextlib.ExitStack()
        self._joined: Sequence[Any] = ()  # the inputs of the step that runs
        self.provide(
            {
                "get": self._get,
                "set": self._set,
                "problem": self.problem,
                "names": lambda handle: flow_access.artifact_names(self._object(handle)),
                "are_control": lambda handles: [
                    flow_state.is_control(self._objects[int(i)]) for i in handles
                ],
                "label": lambda handle: flow_access.label(self._object(handle)),
                "name_problem": lambda handle, name: flow_access.name_problem(
                    self._object(handle), name[0]
                ),
                "input_problem": lambda known, name: flow_access.input_problem(
                    self.plain(known), name[0]
                ),
                "merge": self._merge,
                "read_ahead": self._read_ahead,
                "foreach_places": lambda handle: foreach.places(self._object(handle)),
                "foreach_element": self._foreach_element,
                "task_stream": lambda handle, number: seed.task_stream(
                    self._object(handle), number[0]
                ),
                "parameter_file": lambda handle, name, folder: flow_access.parameter_file(
                    self._object(handle), name[0], folder[0]
                ),
                "current": lambda name: flow_access.current_value(name[0]),
                "card": self._card,
                "has_default_card": card.has_default_card,
                "default_card": card.append_to_default_cards,
                **{name: self._with_plain(f) for name, f in _PROXY.items()},
                **ray_functions(self, _driver),
            }
        )
        self.call("register_methods")
        self.call("guard_bars")
        self.call("register_ray_methods")

    def open_bundle(self, path: str) -> None:
        """Load a flow's R functions, the globals that they use, and its packages."""
        self._check(self.call("guarded_open", path), "The R side of the flow cannot be loaded")

    def check_packages(self, step: str) -> None:
        """Raise `RException` if a package that a step's code names is not installed."""
        self._check(self.call("guarded_check", step), f"Step *{step}* lacks an R package")

    def run_step(self, step: str, flow: Any, inputs: Sequence[Any] | None = None) -> None:
        """Run a step's R function with ``self`` and, in a join, ``inputs``."""
        arguments: list[Any] = [step, float(self._handle(flow))]
        self._joined = inputs or ()
        if inputs is not None:
            flow_state.sort_inputs(flow, inputs)
            arguments.append([float(self._handle(i)) for i in inputs])
            arguments.append(flow_access.input_names(inputs))
        # R asks what was before the step, and Metaflow shows the element of one that has failed.
        foreach.settle_inputs(flow, inputs, quiet=True)
        answer = self.call("run_step", *arguments)
        self._check(answer, f"R error in step *{step}*")
        if self._taken >= _LARGE:
            # Metaflow packs the artifacts next: what R had of them goes before.
            self._ri.baseenv["gc"]()
        foreach.prepare(flow)
        switch.prepare(flow)
        self._taken = 0

    def run_default(self, parameter: str, context: dict[str, Any]) -> Any:
        """Return what a parameter's R default function gives, as a plain Python value."""
        answer = self.call("run_default", parameter, context)
        self._check(answer, f"R error in the default of parameter *{parameter}*")
        return self.plain(answer[0])

    def run_hook(self, name: str, about: dict[str, Any]) -> None:
        """Call an exit hook, with what is known of the run."""
        self._check(self.call("run_hook", name, about), f"R error in *{name}*")

    def _check(self, answer: Sequence[Any], headline: str) -> None:
        if len(answer) == 1:
            return
        failure = answer[1]
        if failure is self._ri.NULL:
            raise KeyboardInterrupt
        *facts, condition = failure
        error = dict(zip(failure.names, map(self.plain, facts), strict=False))
        for name in ("class", "traceback"):  # of which there may be one
            error[name] = [error[name]] if isinstance(error[name], str) else list(error[name])
        raise RException(headline, {**error, "condition": self.decode(condition).data})

    def _handle(self, flow: Any) -> int:
        self._objects.append(flow)
        return len(self._objects) - 1

    def _object(self, handle: Any) -> Any:
        return self._objects[int(handle[0])]

    def _get(self, handle: Any, name: Any, unsaved: Any) -> Any:
        flow = self._object(handle)
        joined = () if flow in self._joined else self._joined
        value = flow_access.artifact(flow, name[0], list(unsaved), joined)
        self.release()  # of the object whose element `input` is
        return value

    def _read_ahead(self, handles: Any = (), name: Any = None) -> None:
        """Read an artifact of inputs together, until this is called without any."""
        self._ahead.close()
        if name is not None:
            stores = [flow_state.datastore_of(self._objects[int(i)]) for i in handles]
            self._ahead.enter_context(read_ahead(stores, name[0]))

    def _foreach_element(self, handle: Any, level: Any) -> Any:
        value = flow_access.foreach_element(self._object(handle), int(level[0]))
        self.release()
        return value

    def _set(self, handle: Any, name: Any, *payload: Any) -> str:
        """Set an artifact, unless its readers would refuse it: then say why."""
        flow = self._object(handle)
        describe = places_of if flow_state.split_over(flow) == name[0] else None
        value = self.decode(payload, describe)
        if isinstance(value, RObject):
            problem = problem_of(value.data, value.info["bytes"])
            if problem:
                return problem
            self._taken += len(value.data)
        setattr(flow, name[0], value)
        return ""

    def _card(self, card_id: Any, what: Any, *payload: Any) -> Any:
        return card.change(self.plain(card_id), what[0], *payload)

    def _with_plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: function(*map(self.plain, arguments))

    def _merge(self, handle: Any, inputs: Any, exclude: Any, include: Any) -> None:
        flow_access.merge(
            self._object(handle),
            [self._objects[int(i)] for i in inputs],
            exclude=[str(n) for n in exclude],
            include=[str(n) for n in include],
            same=self._same,
        )

    def _same(self, first: Any, second: Any) -> bool:
        if isinstance(first, RObject) and isinstance(second, RObject):
            first.check()
            second.check()
            return bool(
                self.evaluate(
                    "same_artifacts",
                    first.data,
                    second.data,
                    first.info["restore"],
                    second.info["restore"],
                )[0]
            )
        return same_contents(first, second)


def _driver() -> Any:
    from ..ray_r import tasks

    return tasks.driver
