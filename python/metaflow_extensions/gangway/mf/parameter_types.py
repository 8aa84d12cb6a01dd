"""Types of parameters that Metaflow does not have, and files whose bytes arrive as they are."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from metaflow._vendor import click
from metaflow.includefile import FilePathClass, IncludedFile, IncludeFile
from metaflow.parameters import DelayedEvaluationParameter


class ParameterType(click.ParamType):  # type: ignore[misc]
    """A type whose values are read from text, and stored as what was read.

    Schedulers get the text again where a deployed flow is triggered.

    Parameters
    ----------
    name : str
        What the command line's help calls it.
    read : callable
        Returns the value of a text, or of what a configuration holds; a ValueError says why not.
    """

    name: Any

    def __init__(self, name: str, read: Callable[[Any], Any]) -> None:
        self.name = self.__name__ = name
        self._read = read

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        if isinstance(value, DelayedEvaluationParameter):  # click may convert twice
            return value
        try:
            found = self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        text = value if isinstance(value, str) else json.dumps(value)
        return _later(self.name, lambda return_str: text if return_str else found)

    def __repr__(self) -> str:
        return str(self.name)


class IncludedContent(bytes):
    """What a file held, with the name that it had."""

    name: str


class FileParameter(IncludeFile):  # type: ignore[misc]
    """Metaflow's ``IncludeFile``, whose text is UTF-8 and keeps its line ends.

    Parameters
    ----------
    name : str
        The parameter.
    is_text : bool
        Whether the value is a string. Else it is an `IncludedContent`.
    **kwargs
        As of ``IncludeFile``.
    """

    def __init__(self, name: str, is_text: bool = True, **kwargs: Any) -> None:
        super().__init__(name, is_text=is_text, **kwargs)
        self._override_kwargs["type"] = _FileType(is_text, "utf-8")

    def init(self, ignore_errors: bool = False) -> None:
        super().init(ignore_errors)
        kwargs: dict[str, Any] = self.kwargs
        default = kwargs.get("default")
        if default is not None:
            default.fun = partial(_default_of, default.fun, kwargs["type"])

    def load_parameter(self, v: Any) -> Any:
        if v is None:
            return None
        is_text = v.descriptor["is_text"]
        content = IncludedFile({**v.descriptor, "is_text": False}).decode(self.name, "Parameter")
        if is_text:
            return content.decode("utf-8")
        content = IncludedContent(content)
        content.name = v.descriptor.get("name", self.name)
        return content


class _FileType(FilePathClass):  # type: ignore[misc]
    """A path, checked when the command line is read; the file is stored when the run begins."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        found = super().convert(value, param, ctx)
        if found is value or not isinstance(found, DelayedEvaluationParameter):
            return found  # converted already, or stored already, when the flow was deployed
        path = os.path.expanduser(value)
        if self._is_text and not _is_text(path):
            self.fail(
                f"the file {path!r} is no text in UTF-8. Give parameter() a function that reads "
                "the file: parser = readRDS"
            )

        def store(return_str: bool) -> Any:
            stored = {**found().descriptor, "name": os.path.basename(path)}
            return json.dumps(stored) if return_str else IncludedFile(stored)

        return _later(getattr(param, "name", "file"), store)


def _later(name: str, value: Callable[[bool], Any]) -> Any:
    return DelayedEvaluationParameter(name, "default", lambda return_str=False: value(return_str))


def _default_of(path_of: Callable[..., str], file: _FileType, ctx: Any, deploy_time: bool) -> str:
    """Do what ``IncludeFile`` does with its default: the path, or what a deployed flow is given."""
    path = path_of(ctx, False)
    return str(file.convert(path, None, ctx)(return_str=True)) if deploy_time else path


def _is_text(path: str) -> bool:
    with open(path, "rb") as file:
        content = file.read()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in content  # R's strings cannot hold it
