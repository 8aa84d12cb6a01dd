"""All exceptions that gangway raises; each says what, where and what to do."""

from __future__ import annotations

from typing import Any

from metaflow.exception import MetaflowException


class GangwayException(MetaflowException):
    """Base of all of gangway's exceptions."""

    headline = "gangway error"

    def __init__(self, msg: str = "") -> None:
        super().__init__(msg)


class ConfigException(GangwayException):
    """A flow's configuration cannot be read, or lacks what is asked of it."""

    headline = "Wrong configuration"


class DeploymentException(GangwayException):
    """A flow cannot be deployed so, or a deployment is not what was asked for."""

    headline = "Not deployed"


class GangAttributeException(GangwayException):
    """An attribute of a gang decorator has a wrong value."""

    headline = "Wrong value for a gang decorator"


class GangRuntimeException(GangwayException):
    """A gang cannot run where the step was sent to."""

    headline = "No gang here"


class GangFormationException(GangwayException):
    """A gang did not come together."""

    headline = "The gang did not form"


class PortTakenException(GangFormationException):
    """A port that was asked for by number is in use."""

    headline = "Port taken"


class GangLostException(GangwayException):
    """A node, or the run itself, was lost while the gang worked."""

    headline = "The gang was lost"


class StepExitException(GangwayException):
    """The step's code of a gang wanted to end its process."""

    headline = "The step's code ended its process"


class LaunchException(GangwayException):
    """A program that a step has started on the nodes of a gang has failed."""

    headline = "A program of the gang failed"


class ScriptNotFoundException(GangwayException):
    """The script that a step wants to run is not there."""

    headline = "No such script"


class LibraryNotFoundException(GangwayException):
    """The library, or the program, that a gang needs is not installed."""

    headline = "A library is missing"


class RayNotFoundException(GangwayException):
    """Ray is not installed, or too old."""

    headline = "Ray is missing"


class RayDashboardException(GangwayException):
    """A gang has no dashboard, which was asked."""

    headline = "This gang has no dashboard"


class ArtifactException(GangwayException):
    """An artifact does not exist, cannot be stored, or cannot be read."""

    headline = "Artifact error"


class CardException(GangwayException):
    """A step has no such card."""

    headline = "No such card"


class RStartException(GangwayException):
    """R cannot be started in this process."""

    headline = "R cannot be started"


class ImageException(GangwayException):
    """The image of a remote task lacks what the flow's R needs."""

    headline = "The image does not fit the flow"


class PythonStepException(GangwayException):
    """A step's ``py_function`` cannot be found."""

    headline = "Python step error"


class RException(GangwayException):
    """R code of a flow ended with an error.

    Parameters
    ----------
    headline : str
        Where it happened, as Metaflow's headlines are.
    error : dict
        What R knows of it.

    Attributes
    ----------
    r_error : dict
        ``message``; ``call``, the call in which it was raised, or an empty string; ``class``, the
        classes of R's condition; ``traceback``, R's calls from the step's function to the error;
        ``index`` and ``node`` of the element of a ``ray_map()`` that failed, or None;
        ``condition``, R's condition as an artifact's bytes. Metaflow keeps it on its record of the
        exception (`mf.stored_exceptions`).
    """

    headline = "R error"

    def __init__(self, headline: str, error: dict[str, Any]) -> None:
        self.headline = headline
        self.r_error = error
        call = error["call"]
        lines = [f"Error in {call}: {error['message']}" if call else f"Error: {error['message']}"]
        if error["traceback"]:
            lines.append("R traceback (the step's function first):")
            lines += [f"  {i}. {c}" for i, c in enumerate(error["traceback"], start=1)]
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.headline, self.r_error)
