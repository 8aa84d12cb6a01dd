"""Whether the image of a remote task has what the flow's R needs: said at once, and by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from metaflow.decorators import StepDecorator

from ..exceptions import ImageException, RException, RStartException

_RUNTIMES = {"aws-batch": "AWS Batch", "kubernetes": "Kubernetes"}


def check_image(flow_class: Any, open_bundle: Callable[[], Any]) -> None:
    """In a remote task of a step with an R function, have R and its packages looked at first.

    Also on the nodes of a gang, before they meet.
    """
    runtime = _RUNTIMES.get(os.environ.get("METAFLOW_RUNTIME_ENVIRONMENT", ""))
    if runtime is None or "step" not in sys.argv:
        return
    function = getattr(flow_class, sys.argv[sys.argv.index("step") + 1])
    # The body of a step with an R function is R.call(...).
    if "call" in function.__code__.co_names:
        function.decorators.insert(0, ImageCheck(runtime, open_bundle))


class ImageCheck(StepDecorator):
    """Opens the flow's R before anything else happens in the task."""

    name = "_gangway_image"

    def __init__(self, runtime: str, open_bundle: Callable[[], Any]) -> None:
        super().__init__()
        self._runtime = runtime
        self._open = open_bundle

    def task_pre_step(
        self,
        step_name: str,
        task_datastore: Any,
        metadata: Any,
        run_id: Any,
        task_id: Any,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: Any,
        inputs: Any,
    ) -> None:
        """Open the flow's R, or name the image and what it lacks.

        Raises
        ------
        ImageException
            No R, an old one, no rpy2, or a package is missing: one that the flow's script has
            attached, or that the step's code names.
        """
        _set_time_zone()
        try:
            self._open().check_packages(step_name)
        except (RStartException, RException) as error:
            lacks = error.r_error["message"] if isinstance(error, RException) else error.message
            raise ImageException(
                f"Step *{step_name}* cannot run on {self._runtime} in the image "
                f"{_image(flow, step_name)!r}. {lacks} Add it to the image, or choose another one: "
                'decorator("batch", image = ...), or METAFLOW_BATCH_CONTAINER_IMAGE.'
            ) from error


def _image(flow: Any, step_name: str) -> str:
    decorators = getattr(flow, step_name).decorators
    return next((d.attributes["image"] for d in decorators if d.attributes.get("image")), "unknown")


def _set_time_zone() -> None:
    """Tell R the time zone of the image; R asks systemd for it, which no container has."""
    _, _, zone = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    os.environ.setdefault("TZ", zone or "UTC")
