r"""In the container of a deployed run's first step: its parameters as variables that a shell reads.

``python -m metaflow_extensions.gangway.run.export_parameters step-functions|airflow|argo FILE ...``
stands where `mf.deployed` has found Metaflow's own module, which writes JSON for the shell to read:
there ``é`` becomes ``\\u00e9``, ``$x`` is replaced, and what is in backquotes runs. Imports nothing
but Python's own.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import sys
from typing import Any


def main(scheduler: str, file: str, *given: str) -> None:
    """Write the file; Argo gives the values as arguments, the others as variables."""
    values = _of_argo(given) if scheduler == "argo" else _of_variables()
    lines = [f"export METAFLOW_INIT_{_variable(k)}={shlex.quote(v)}\n" for k, v in values.items()]
    with open(file, "w", encoding="utf-8") as out:
        out.writelines(lines)


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")  # as Metaflow's command line reads it


def _of_variables() -> dict[str, str]:
    found: dict[str, Any] = {}
    for variable in ("METAFLOW_DEFAULT_PARAMETERS", "METAFLOW_PARAMETERS"):
        found.update(json.loads(os.environ.get(variable, "{}")))
    return {name: _text(value) for name, value in found.items()}


def _of_argo(given: tuple[str, ...]) -> dict[str, str]:
    """From ``name,t,base64``; ``t`` says that no value has been given where it is null."""
    found = {}
    for argument in given:
        name, may_be_missing, encoded = argument.split(",")
        text = base64.b64decode(encoded).decode()
        if not (may_be_missing == "t" and text == "null"):
            found[name] = _of_json(text)
    return found


def _of_json(text: str) -> str:
    """Return the string that JSON has; else the text, also where an event gave no JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
