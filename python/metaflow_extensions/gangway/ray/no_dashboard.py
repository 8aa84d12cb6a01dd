"""What `JobSubmissionClient` and `ray.util.state` are told by a gang without Ray's dashboard.

Both ask the dashboard. Ray looks for it through the module that its address names, if that is no
protocol; left alone, it tells that it found no address, or nothing at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from ..exceptions import GangLostException, RayDashboardException

# Ray's own variable, which wins over what its clients are given.
VARIABLE = "RAY_API_SERVER_ADDRESS"
_ADVICE = (
    "JobSubmissionClient and ray.util.state ask Ray's dashboard, which this gang has not started. "
    'Ask for it: @ray_parallel(enable_dashboard=True), in R decorator("ray_parallel", '
    "enable_dashboard = TRUE). It needs Ray with its dashboard where the step runs: pip install "
    "'ray[default]>=2.52'. ray.nodes() and ray.cluster_resources() do without."
)


def environment(with_dashboard: bool, inherited: Mapping[str, str]) -> dict[str, str]:
    """Give what the step's code needs to be told, unless it asks another cluster's dashboard."""
    if with_dashboard or VARIABLE in inherited:
        return {}
    return {VARIABLE: f"{__name__}://none"}


def advice(exception: BaseException) -> str | None:
    """Give what to do where Ray's clients did not even come to ask: without ray[default]."""
    told = isinstance(exception, (RayDashboardException, GangLostException))
    return _ADVICE if "ray[default]" in str(exception) and not told else None


def get_job_submission_client_cluster_info(address: str, **_: Any) -> NoReturn:
    """Say what to do; Ray knows this name."""
    raise RayDashboardException(_ADVICE)
