"""Secrets named without a backend, which Metaflow takes only where a default is configured."""

from __future__ import annotations

import sys
from typing import Any

from metaflow import metaflow_config
from metaflow.decorators import StepDecorator
from metaflow.plugins import SECRETS_PROVIDERS

_DEFAULT = "aws-secrets-manager"


def name_backends(flow_class: Any) -> None:
    """In a task, have the secrets of its step given a backend before they are read."""
    if "step" in sys.argv:  # a step that is spun has no secrets
        function = getattr(flow_class, sys.argv[sys.argv.index("step") + 1])
        function.decorators.insert(0, SecretBackends())


class SecretBackends(StepDecorator):
    """Gives each secret of the step that names none the default backend, or AWS's."""

    name = "_gangway_secret_backends"

    def task_pre_step(
        self,
        step_name: str,
        task_datastore: Any,
        metadata: Any,
        run_id: Any,
        task_id: Any,
        flow: Any,
        graph: Any,
        retry_count: int,
        max_user_code_retries: int,
        ubf_context: Any,
        inputs: Any,
    ) -> None:
        """Complete the decorators, whose configured values and ``--with`` are known by now."""
        for decorator in getattr(flow, step_name).decorators:
            if decorator.name == "secrets":
                sources = decorator.attributes["sources"]
                decorator.attributes["sources"] = [with_backend(source) for source in sources]


def with_backend(source: Any) -> Any:
    """Return a source of ``@secrets`` with its backend.

    A name may have dots, where Metaflow ends the backend: `prod.db` is one only if there is a
    backend `prod`.
    """
    known = {provider.TYPE for provider in SECRETS_PROVIDERS}
    default = metaflow_config.DEFAULT_SECRETS_BACKEND_TYPE or _DEFAULT
    if isinstance(source, dict):
        return {"type": default, **source}
    if not isinstance(source, str) or source.partition(".")[0] in known:
        return source
    return {"type": default, "id": source}
