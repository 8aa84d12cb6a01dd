"""What a run executed, for R's ``promote_run()`` and ``verify_promotion()``."""

from __future__ import annotations

import hashlib
from typing import Any

from ..mf.run_contents import load
from ..run.code_record import BUNDLE, FLOW, RAN_TAG

# Not the user's: Metaflow and its extensions, what it says of the package, and R's flow.
_METAFLOW = (".mf_code/", ".mf_meta", ".mf_install", "metaflow/", "metaflow_extensions/", "INFO")


def what_ran(run: Any) -> str | None:
    """Give what a run has recorded of the code that it executed, if it has.

    Parameters
    ----------
    run : metaflow.Run

    Raises
    ------
    ValueError
        The datastore has something else in its place.
    """
    tags = [tag for tag in run.system_tags if tag.startswith(RAN_TAG)]
    if not tags:
        return None
    kind, key, location = tags[0].removeprefix(RAN_TAG).split(":", 2)
    content = load(kind, run.path_components[0], location, key)
    # Metaflow's keys are SHA-1.
    if hashlib.sha1(content, usedforsecurity=False).hexdigest() != key:
        raise ValueError(f"{location} does not hold what run {run.pathspec} has recorded")
    return content.decode()


def packaged(run: Any) -> dict[str, str]:
    """Give the user's files in a run's code package: their SHA-256, by path.

    Parameters
    ----------
    run : metaflow.Run
    """
    code = run.code
    if code is None:
        return {}
    found = {}
    with code.tarball as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            file = tar.extractfile(member) if member.isfile() else None
            if file and name not in (FLOW, BUNDLE) and not name.startswith(_METAFLOW):
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found
