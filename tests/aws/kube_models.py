"""Whether the API server of Kubernetes would take an object, by the models of its own client."""

from __future__ import annotations

import re
from typing import Any

from kubernetes import client


class Invalid(Exception):
    """An object that Kubernetes would refuse."""


def check(value: Any, kind: str, path: str) -> None:
    """See to it that a value is of a model, or of a type as the client's models write it."""
    if value is None or kind == "object":
        return
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        for index, each in enumerate(_of_type(value, list, path)):
            check(each, match[1], f"{path}[{index}]")
    elif match := re.fullmatch(r"dict\(str, (.*)\)", kind):
        for name, each in _of_type(value, dict, path).items():
            check(each, match[1], f"{path}.{name}")
    elif kind in _PLAIN:
        _of_type(value, _PLAIN[kind], path)
    else:
        _check_model(_of_type(value, dict, path), getattr(client, kind), path)


# A number is no bool, though Python says so.
_PLAIN = {"str": str, "int": int, "float": (int, float), "bool": bool, "datetime": str}


def _of_type(value: Any, wanted: Any, path: str) -> Any:
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise Invalid(f"{path}: {value!r} is a {type(value).__name__}")
    return value


def _check_model(value: dict[str, Any], model: Any, path: str) -> None:
    fields = {outside: name for name, outside in model.attribute_map.items()}
    if unknown := value.keys() - fields.keys():
        raise Invalid(f"{path}: unknown field {', '.join(sorted(unknown))}")
    for name, each in value.items():
        check(each, model.openapi_types[fields[name]], f"{path}.{name}")
    try:
        model(**{fields[name]: each for name, each in value.items()})
    except ValueError as error:  # a field that is required, or beyond its limits
        raise Invalid(f"{path}: {error}") from None


def check_label(name: str, path: str) -> None:
    """See to it that a name may be a host's and a service's (RFC 1035)."""
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name):
        raise Invalid(f"{path}: {name!r} is no DNS label of at most 63 characters")
