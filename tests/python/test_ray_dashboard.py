"""Ray's dashboard on a real gang, where `ray[default]` is installed."""

from __future__ import annotations

import shutil
from importlib.util import find_spec

import pytest
from conftest import StartFlow
from metaflow_extensions.gangway.gang.machine.ports import free_port

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or ""
needs_dashboard = pytest.mark.skipif(
    not find_spec("aiohttp_cors"), reason="ray[default] is not installed"
)


@needs_dashboard
def test_the_dashboard_answers_who_has_the_token(run_flow: StartFlow) -> None:
    port = free_port()
    run = run_flow("gang_dashboard.py", PORT=str(port))
    assert run.status == 0, run.output
    assert f"[gangway] Ray's dashboard: http://127.0.0.1:{port}," in run.output
    for said in ("NODES 2", "JOB True", "STRANGER 401 401", "OWNER 200"):
        assert said in run.output, run.output


@needs_dashboard
@pytest.mark.skipif(not BROWSER, reason="no chromium is installed")
def test_a_browser_sees_the_nodes_with_the_token_alone(run_flow: StartFlow) -> None:
    run = run_flow("gang_dashboard.py", PORT=str(free_port()), BROWSER=BROWSER)
    assert run.status == 0, run.output
    stranger, owner = "asked for the token and sees no nodes", "let in and sees 2 nodes"
    assert f"BROWSER stranger is {stranger}" in run.output, run.output
    assert f"BROWSER owner is {owner}" in run.output, run.output


@pytest.mark.skipif(bool(find_spec("aiohttp_cors")), reason="ray[default] is installed")
def test_without_its_packages_nothing_starts(run_flow: StartFlow) -> None:
    run = run_flow("gang_dashboard.py")
    assert run.status != 0 and "Task is starting" not in run.output
    assert "enable_dashboard=True" in run.output and "'ray[default]>=" in run.output
