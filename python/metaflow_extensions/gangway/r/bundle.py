"""What a generated flow.py calls: its R functions, and the run's beginning and end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..mf import fast_gzip

if TYPE_CHECKING:
    from .session import RSession


class RBundle:
    """The R side of a flow: functions, globals and packages, kept in ``flow.rds``.

    Parameters
    ----------
    flow_file : str
        The generated flow.py; the bundle lies beside it.

    Examples
    --------
    >>> R = RBundle(__file__)  # doctest: +SKIP
    >>> R.call("start", self)  # doctest: +SKIP
    """

    def __init__(self, flow_file: str) -> None:
        self.path = os.path.join(os.path.dirname(os.path.abspath(flow_file)), "flow.rds")
        self._session: RSession | None = None
        fast_gzip.enable()

    def call(self, step: str, flow: Any, inputs: Sequence[Any] | None = None) -> None:
        """Run a step's R function; an R error raises `RException`."""
        self._open().run_step(step, flow, inputs)

    def call_python(self, reference: str, flow: Any, inputs: Sequence[Any] | None = None) -> None:
        """Run a step's Python function, given as ``"module:function"``."""
        from ..mf.flow import sort_inputs
        from . import foreach, switch
        from .python_step import run_python_step

        if inputs is not None:
            sort_inputs(flow, inputs)
        foreach.settle_inputs(flow, inputs)
        for one in inputs or ():
            foreach.settle_inputs(one)
        run_python_step(reference, flow, inputs)
        foreach.prepare(flow)
        switch.prepare(flow)

    def default(self, parameter: str) -> Callable[..., Any]:
        """Return a deploy-time function that asks R for a parameter's default."""

        def default(context: Any, deploy_time: bool = False) -> Any:
            # Here, because Ray's workers import this module and shall not import Metaflow.
            from ..exceptions import RException
            from ..run.report import note_failure

            try:
                value = self._open().run_default(parameter, context._asdict())
            except RException as error:
                note_failure(error)  # Metaflow makes a text of it
                raise
            # Metaflow wants the default of a JSON parameter, and so of a data frame, as text.
            return json.dumps(value) if isinstance(value, (list, dict)) else value

        default.__name__ = f"default_of_{parameter}"
        return default

    def exit_hook(self, name: str, run: Any) -> None:
        """Call an R function at a run's end; an R error raises `RException`."""
        from ..run.exit_hooks import about

        self._open().run_hook(name, about(run))

    def main(self, flow_class: Callable[[], Any], environment: str | None = None) -> None:
        """Run the flow's command line, started by R or by hand.

        Parameters
        ----------
        flow_class : type
            The flow.
        environment : str, optional
            Metaflow's ``--environment``, where the command line has none.
        """
        from ..mf import flow_decorators
        from ..mf.command import use_environment
        from ..mf.local_gang import WorkersInEnvironment
        from ..run.image import check_image
        from ..run.image_named import name_images
        from ..run.main import run_command_line
        from ..run.short_secrets import name_backends
        from ..run.user_files import carry_files
        from .warmth import Warmth

        def adapt() -> None:
            carry_files(flow_class)
            check_image(flow_class, self._open)
            name_images(flow_class)
            name_backends(flow_class)
            if environment:
                flow_decorators.add(flow_class, WorkersInEnvironment())

        if environment:
            use_environment(environment)
        run_command_line(flow_class, adapt, Warmth(self, flow_class))

    def _open(self) -> RSession:
        if self._session is None:
            from .python_step import find_user_modules
            from .session import RSession

            find_user_modules()
            self._session = RSession.current()
            self._session.open_bundle(self.path)
        return self._session
