"""Whether each remote step with an R function names an image: said before anything is uploaded."""

from __future__ import annotations

import inspect
import platform
import sys
from collections.abc import Sequence
from typing import Any

from metaflow import metaflow_config
from metaflow.decorators import StepDecorator

from ..exceptions import ImageException
from ..mf import command

# A remote decorator's name, and the setting that has its steps' image. METAFLOW_DEFAULT_... is
# where both come from that are not set themselves.
_SETTINGS = {"batch": "BATCH_CONTAINER_IMAGE", "kubernetes": "KUBERNETES_CONTAINER_IMAGE"}
_ADDED = {"step-functions": ["batch"], "argo-workflows": ["kubernetes"], "airflow": ["kubernetes"]}


class ImageNamed(StepDecorator):
    """Refuses a remote step whose image would be Metaflow's default, in which there is no R."""

    name = "_gangway_image_named"

    def __init__(self) -> None:
        super().__init__(statically_defined=True)

    def step_init(
        self,
        flow: Any,
        graph: Any,
        step_name: str,
        decorators: Sequence[Any],
        environment: Any,
        flow_datastore: Any,
        logger: Any,
    ) -> None:
        """Look at the step's decorators, with those of ``--with`` and of what it is compiled for.

        Raises
        ------
        ImageException
            No image is named for the step, nor for the whole run.
        """
        if not command.starts_run():
            return
        # @conda brings its own programs, R among them if it is asked to, into any image.
        if any(d.name == "conda" and not d.attributes.get("disabled") for d in decorators):
            return
        remote = {d.name: d for d in decorators if d.name in _SETTINGS}
        # A scheduler gives it to the steps that have none, after this.
        remote = remote or dict.fromkeys(_ADDED.get(command.deploys_to(), []))
        for name, decorator in remote.items():
            if _is_default(name, decorator):
                raise ImageException(
                    f"Step *{step_name}* has an R function, and no image is named for @{name}: "
                    f"Metaflow would take {_default()!r}, which has no R. Name the image of the "
                    "whole run in the environment variable METAFLOW_DEFAULT_CONTAINER_IMAGE or in "
                    f'options(gangway.image = ), or that of the step: decorator("{name}", '
                    "image = ...). Nothing has been started."
                )


def name_images(flow_class: Any) -> None:
    """Have the images of a flow's steps looked at, in the process that runs or deploys it."""
    # A step that is spun runs here, and spinning warns of each decorator that it does not know.
    if {"step", "spin", "spin-step"} & set(sys.argv):
        return
    for function in vars(flow_class).values():
        # A Config object has every attribute that is asked for.
        is_step = inspect.isfunction(function) and getattr(function, "is_step", False)
        # The body of a step with an R function is R.call(...).
        if is_step and "call" in function.__code__.co_names:
            function.decorators.append(ImageNamed())


def _is_default(name: str, decorator: Any | None) -> bool:
    """Whether Metaflow has chosen the image, which it has done by now, for want of another."""
    if getattr(metaflow_config, _SETTINGS[name]):
        return False
    return decorator is None or str(decorator.attributes["image"]).rpartition("/")[2] == _default()


def _default() -> str:
    return "python:{}.{}".format(*platform.python_version_tuple())
