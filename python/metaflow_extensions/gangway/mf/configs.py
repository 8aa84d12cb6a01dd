"""Metaflow's configurations, in YAML too, and expressions of them in decorators and parameters."""

from __future__ import annotations

import json
from typing import Any

from metaflow._vendor import yaml
from metaflow.parameters import current_flow
from metaflow.user_configs.config_parameters import DelayEvaluator

from ..exceptions import ConfigException


class config_expr(DelayEvaluator):  # type: ignore[misc]
    """Metaflow's ``config_expr``; what the configuration does not hold is a clear error.

    Parameters
    ----------
    expression : str
        Python, with the configurations as variables: ``"cfg.train.cpu"``.
    many : bool
        Whether a list is wanted: a single string or dictionary is then a list of one.
    """

    def __init__(self, expression: str, many: bool = False) -> None:
        super().__init__(expression, saved_globals={})
        self._many = many

    def __call__(self, ctx: Any = None, deploy_time: bool = False) -> Any:
        try:
            value = super().__call__(ctx, deploy_time)
        except Exception as error:
            reason = f"{type(error).__name__}: {getattr(error, 'message', error)}"
            raise ConfigException(
                f"config_expr({self._config_expr!r}) has no value. {reason}. {_held()}"
            ) from error
        return [value] if self._many and isinstance(value, (str, dict)) else value


def _held() -> str:
    from metaflow.flowspec import FlowStateItems

    configs = current_flow.flow_cls._flow_state[FlowStateItems.CONFIGS]
    known = [
        f"{name} holds {', '.join(map(str, value)) or 'nothing'}"
        for name, (value, _) in configs.items()
        if isinstance(value, dict)
    ]
    return "; ".join(known) + "." if known else ""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """As JSON has no dates, a date stays the text that it is, as in R's package yaml."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_config(text: str) -> dict[str, Any]:
    """Read a configuration from JSON or YAML.

    Raises
    ------
    ConfigException
        It is neither, or no mapping of names to values that JSON has.
    """
    try:
        value = json.loads(text)
    except ValueError:
        try:
            value = yaml.load(text, _Loader)
        except yaml.YAMLError as error:
            raise ConfigException(f"{_which(text)} is neither JSON nor YAML: {error}") from None
    if not isinstance(value, dict):
        raise ConfigException(f"{_which(text)} has to hold names and values, as 'alpha: 0.5'.")
    try:
        return dict(json.loads(json.dumps(value)))  # what tasks get, who read it as JSON
    except TypeError as error:
        raise ConfigException(f"{_which(text)} holds what JSON has not: {error}.") from None


def _which(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return f"The configuration that begins with {line[:60]!r}"
