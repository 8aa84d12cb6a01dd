"""What Python knows of the set-up: asked by R's ``gangway_sitrep()``.

usage: python -m metaflow_extensions.gangway.r.sitrep

Prints one line of JSON. Metaflow's own settings are read; AWS is asked only if they name it.
"""

from __future__ import annotations

import json
from typing import Any

from metaflow import get_metadata, get_namespace, metaflow_config

from ..aws.identity import ask_aws


def situation() -> dict[str, Any]:
    """Return where runs and artifacts are kept, and who this is to AWS if that is configured.

    Returns
    -------
    dict
        ``metadata``, ``namespace``, ``datastore`` and ``root``, its folder or address, or None;
        ``queue`` of AWS Batch, or None; ``aws``, what `ask_aws` says, or None.
    """
    datastore = metaflow_config.DEFAULT_DATASTORE
    queue = metaflow_config.BATCH_JOB_QUEUE
    root = getattr(metaflow_config, f"DATASTORE_SYSROOT_{datastore.upper()}", None)
    return {
        "metadata": get_metadata(),
        "namespace": get_namespace(),
        "datastore": datastore,
        "root": root,
        "queue": queue,
        "aws": ask_aws(queue) if queue or datastore == "s3" else None,
    }


if __name__ == "__main__":
    print(json.dumps(situation()))
