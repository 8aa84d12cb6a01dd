"""What Metaflow sends to Argo Workflows for a flow with a gang."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from metaflow._vendor import yaml

from .conftest import StartFlow


def a_cluster(folder: Path) -> dict[str, str]:
    """The variables by which the client knows a cluster, which it is not asked to talk to."""
    pytest.importorskip("kubernetes", reason="the Python package kubernetes is not installed")
    parts: dict[str, Any] = {"cluster": {"server": "http://127.0.0.1:9"}, "user": {"token": "x"}}
    parts["context"] = {"cluster": "x", "user": "x"}
    config = {f"{kind}s": [{"name": "x", kind: part}] for kind, part in parts.items()}
    (folder / "kube").write_text(json.dumps({"current-context": "x", **config}))
    return {"KUBECONFIG": str(folder / "kube")}


def argo_workflow(run_flow: StartFlow, folder: Path) -> dict[str, Any]:
    """The workflow template of flows/jobset_gang.py, without a cluster to send it to."""
    run = run_flow(
        "jobset_gang.py",
        "create",
        "--only-json",
        command="argo-workflows",
        **a_cluster(folder),
    )
    assert run.status == 0, run.output
    template = run.output[run.output.index("\n{") : run.output.rindex("}") + 1]
    return dict(json.loads(template))


def jobs_of(manifest: str) -> list[dict[str, Any]]:
    """The jobs of a JobSet, when Argo has filled in what it knows."""
    known = {"workerCount": "2", "task-id-entropy": "ENTROPY", "retryCount": "1"}
    for name, value in known.items():
        manifest = re.sub(rf"{{{{[^{{}}]*inputs\.parameters\.{name}\b[^{{}}]*}}}}", value, manifest)
    jobset = yaml.safe_load(manifest)
    assert jobset["kind"] == "JobSet"
    return list(jobset["spec"]["replicatedJobs"])
