"""Where the client looks for runs, changed as a whole or not at all.

Metaflow's ``metadata()`` switches first and asks the new place then; where that is none, it prints
a line, or waits and raises an exception, and the client goes on with half of both.
"""

from __future__ import annotations

import contextlib
import io

import metaflow
from metaflow.client import core
from metaflow.plugins import METADATA_PROVIDERS
from metaflow.plugins.datastores.local_storage import LocalStorage


def choose(place: str) -> str:
    """Switch to other metadata.

    Parameters
    ----------
    place : str
        As ``metaflow.metadata()`` takes it.

    Returns
    -------
    str
        What is wrong, after which everything is as it was; empty if nothing is.
    """
    provider, root = core.current_metadata, LocalStorage.datastore_root
    # Each provider's place is on its class.
    places = [(known, known._INFO) for known in METADATA_PROVIDERS]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            metaflow.metadata(place)
        problem = said.getvalue().strip()
    except Exception as error:
        problem = str(error) or type(error).__name__
    if problem:
        core.current_metadata, LocalStorage.datastore_root = provider, root
        for known, info in places:
            known._INFO = info
    return problem
