"""All exceptions that gangway raises; each says what, where and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from metaflow.exception import MetaflowException


class GangwayException(MetaflowException):
    """Base of all of gangway's exceptions."""

    headline = "gangway error"

    def __init__(self, msg: str = "") -> None:
        super().__init__(msg)


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


class ArtifactException(GangwayException):
    """An artifact does not exist, cannot be stored, or cannot be read."""

    headline = "Artifact error"


class RStartException(GangwayException):
    """R cannot be started in this process."""

    headline = "R cannot be started"


class ImageException(GangwayException):
    """The image of a remote task lacks what the flow's R needs."""

    headline = "The image does not fit the flow"


class PythonStepException(GangwayException):
    """A step's ``py_function`` cannot be found."""

    headline = "Python step error"


_TRACEBACK_TITLE = "R traceback (the step's function first):"


class RException(GangwayException):
    """R code of a flow ended with an error.

    Attributes
    ----------
    r_message : str
        R's message.
    r_call : str
        The call in which the error was raised, or an empty string.
    r_traceback : list of str
        R's calls from the step's function to the error.
    """

    headline = "R error"

    def __init__(
        self, headline: str, message: str, call: str = "", traceback: Sequence[str] = ()
    ) -> None:
        self.headline = headline
        self.r_message = message
        self.r_call = call
        self.r_traceback = list(traceback)
        lines = [f"Error in {call}: {message}" if call else f"Error: {message}"]
        if self.r_traceback:
            lines.append(_TRACEBACK_TITLE)
            lines += [f"  {i}. {c}" for i, c in enumerate(self.r_traceback, start=1)]
        super().__init__("\n".join(lines))

    @staticmethod
    def parse(text: str) -> tuple[str, str, list[str]]:
        """Split the text of an exception, as Metaflow stores it, into message, call, traceback."""
        head, _, tail = text.partition("\n" + _TRACEBACK_TITLE + "\n")
        calls = [line.split(". ", 1)[1] for line in tail.splitlines() if ". " in line]
        if head.startswith("Error: "):
            return head.removeprefix("Error: "), "", calls
        call, separator, message = head.removeprefix("Error in ").partition(": ")
        if not head.startswith("Error in ") or not separator:
            return text, "", []
        return message, call, calls

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.headline, self.r_message, self.r_call, self.r_traceback)
