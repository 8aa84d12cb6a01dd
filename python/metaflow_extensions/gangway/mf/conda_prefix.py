"""The conda environment that Metaflow has made for a task, without an import of Metaflow.

Metaflow does not tell a task where its environment is; the folder's name does: the platform, and
the first 15 digits of a hash (``CondaEnvironment.get_environment``, ``Micromamba.create``,
bootstrap.py).
"""

from __future__ import annotations

import os
import re
import sys

_MADE_BY_METAFLOW = re.compile(r"/(linux|osx)-\w+/[0-9a-f]{15}/?$")


def own_r() -> str | None:
    """Return the home of the R in this Python's environment, if Metaflow has made it with one."""
    home = os.path.join(sys.prefix, "lib", "R")
    is_there = os.path.exists(os.path.join(home, "bin", "R"))
    return home if _MADE_BY_METAFLOW.search(sys.prefix) and is_there else None
