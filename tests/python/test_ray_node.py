"""How a Ray node is started and what it offers: pure functions."""

from __future__ import annotations

import re
from importlib import metadata
from types import SimpleNamespace

import pytest
from metaflow.decorators import InvalidDecoratorAttribute
from metaflow_extensions.gangway.exceptions import (
    GangAttributeException,
    GangLostException,
    RayDashboardException,
    RayNotFoundException,
)
from metaflow_extensions.gangway.gang.attributes import check_all
from metaflow_extensions.gangway.gang.machine.processes import MARK
from metaflow_extensions.gangway.gang.node import NodeSpec
from metaflow_extensions.gangway.mf.storage import storage_path
from metaflow_extensions.gangway.ray import decorator as ray_decorator
from metaflow_extensions.gangway.ray import no_dashboard, resources
from metaflow_extensions.gangway.ray.command import (
    NodeResources,
    dashboard_url,
    node_environment,
    start_command,
    without_uv,
)
from metaflow_extensions.gangway.ray.decorator import MetaflowRayDecorator, RayParallelDecorator

DEFAULTS = RayParallelDecorator.defaults


def test_the_head_takes_free_ports() -> None:
    assert " ".join(start_command(0, "/t", None, NodeResources(num_cpus=1), DEFAULTS)) == (
        "start --block --disable-usage-stats --node-name node-0 --temp-dir /t "
        "--min-worker-port 0 --max-worker-port 0 --dashboard-agent-listen-port 0 "
        "--head --port 0 --no-monitor --include-dashboard false --dashboard-port 0 --num-cpus 1"
    )


def test_a_worker_joins_with_what_it_was_told() -> None:
    given = NodeResources(num_gpus=0, object_store_memory=5, custom={"license": 1})
    attributes = {**DEFAULTS, "logging_level": "debug", "log_style": "record"}
    command = start_command(1, "/t", "1.2.3.4:5", given, attributes, node_ip="127.0.0.2")
    assert " ".join(command) == (
        "--logging-level debug start --block --disable-usage-stats --node-name node-1 "
        "--temp-dir /t --node-ip-address 127.0.0.2 --min-worker-port 0 --max-worker-port 0 "
        "--dashboard-agent-listen-port 0 --address 1.2.3.4:5 "
        '--log-style record --num-gpus 0 --object-store-memory 5 --resources {"license": 1}'
    )


def test_the_dashboard_and_ports_are_as_asked() -> None:
    attributes = {**DEFAULTS, "main_port": 7000, "enable_dashboard": True, "dashboard_port": 8000}
    command = " ".join(start_command(0, "/t", None, NodeResources(), attributes, 10123))
    assert "--port 7000" in command and "--ray-client-server-port 10123" in command
    assert "--include-dashboard true --dashboard-port 8000" in command
    assert dashboard_url(attributes) == "http://127.0.0.1:8000"
    assert dashboard_url(DEFAULTS) is None


def test_the_token_is_in_the_environment_and_foreign_settings_are_not() -> None:
    inherited = {"RAY_ADDRESS": "x", "RAY_AUTH_TOKEN": "old", "RAY_memory_usage_threshold": "0.9"}
    environment = node_environment(inherited, "abcd.1", "new", NodeResources(gpu_ids="1"))
    assert environment == {
        "RAY_memory_usage_threshold": "0.9",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "new",
        MARK: "abcd.1",
        "CUDA_VISIBLE_DEVICES": "1",
    }


def test_uv_run_does_not_move_workers_into_its_project_unless_asked() -> None:
    name = "RAY_ENABLE_UV_RUN_RUNTIME_ENV"
    assert without_uv({}) == {name: "0"}
    assert without_uv({name: "1"}) == {name: "1"}
    from ray._private import ray_constants

    assert hasattr(ray_constants, name)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"main_port": "seven"}, "main_port='seven' is not right; it must be a whole number"),
        ({"num_cpus": 1.5}, "num_cpus=1.5 is not right"),
        ({"log_style": "loud"}, "it must be one of 'pretty', 'record', 'auto'"),
        ({"resources": {"x": "many"}}, "it must be a dictionary of names and numbers"),
        ({"all_nodes_started_timeout": 0}, "it must be a number of seconds above 0"),
        ({"enable_dashboard": "perhaps"}, "it must be True or False"),
    ],
)
def test_a_wrong_attribute_is_named(attributes: dict[str, object], message: str) -> None:
    checks, optional = RayParallelDecorator.checks, RayParallelDecorator.optional
    with pytest.raises(GangAttributeException, match=re.escape(message)):
        check_all({**DEFAULTS, **attributes}, checks, optional, "here")


@pytest.mark.parametrize(
    ("cores", "gpus", "nodes", "wanted"),
    [
        (8, "", 2, [(4, ""), (4, "")]),
        (5, "0,1,2", 3, [(2, "0"), (2, "1"), (1, "2")]),
        (1, "3", 2, [(1, "3"), (1, "")]),
    ],
)
def test_nodes_share_out_the_machine(
    monkeypatch: pytest.MonkeyPatch, cores: int, gpus: str, nodes: int, wanted: list
) -> None:
    monkeypatch.setattr(resources, "cores", lambda: cores)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    specs = [NodeSpec("ab", i, nodes, b"", True, DEFAULTS) for i in range(nodes)]
    shares = [resources.local_resources(spec) for spec in specs]
    assert [(each.num_cpus, each.gpu_ids or "") for each in shares] == wanted
    assert [each.num_gpus for each in shares] == [
        len(w[1].split(",")) if w[1] else 0 for w in wanted
    ]
    assert all((each.object_store_memory or 0) >= 80 * 1024 * 1024 for each in shares)


@pytest.mark.parametrize(
    ("kind", "root", "wanted"),
    [
        ("s3", "s3://bucket/metaflow", "s3://bucket/metaflow/mf.ray_decorator/F/7/train/2"),
        ("azure", "container/path/", "container/path/mf.ray_decorator/F/7/train/2"),
    ],
)
def test_storage_path(kind: str, root: str, wanted: str) -> None:
    datastore = SimpleNamespace(TYPE=kind, datastore_root=root)
    assert storage_path(datastore, "mf.ray_decorator", "F", "7", "train", "2") == wanted


@pytest.mark.parametrize("version", [None, "2.51.1", "2.9.3"])
def test_ray_missing_or_too_old(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    def look(name: str) -> str:
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", look)
    decorator = RayParallelDecorator()
    decorator.where = "@ray_parallel on step *train* of flow *F*"
    with pytest.raises(RayNotFoundException, match=r"step \*train\*.*pip install 'ray>=2.52'"):
        decorator.check_installed()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_dashboard_without_its_packages(monkeypatch: pytest.MonkeyPatch, wanted: bool) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: "2.60.0")
    monkeypatch.setattr(ray_decorator, "find_spec", lambda name: None)
    decorator = RayParallelDecorator()
    decorator.where = "@ray_parallel on step *train* of flow *F*"
    decorator.checked = {**DEFAULTS, "enable_dashboard": wanted}
    if not wanted:
        decorator.check_installed()
        return
    with pytest.raises(RayNotFoundException, match=r"step \*train\*.*aiohttp.*ray\[default\]"):
        decorator.check_installed()


# All that metaflow-ray's @metaflow_ray takes (0.1.5), with its defaults where it has any.
METAFLOW_RAYS = {
    "main_port": None,
    "worker_polling_freq": 10,
    "all_nodes_started_timeout": 90,
    "heartbeat_timeout": 600,
    "unreachable_timeout": 600,
    "enable_worker_logs": False,
    "logging_level": None,
    "log_style": None,
    "enable_dashboard": False,
    "dashboard_port": None,
}


def test_metaflow_rays_options_are_all_taken_and_others_refused_by_name() -> None:
    deco = MetaflowRayDecorator(attributes=dict(METAFLOW_RAYS))
    deco.init()
    checked = check_all(deco.attributes, deco.checks, deco.optional, "here")
    assert checked["dashboard_port"] == 8265 and checked["worker_polling_freq"] == 10
    assert start_command(0, "/t", None, NodeResources(), checked)
    for refused in ({"worker_polling_frequency": 1}, {"dashboard_host": "localhost"}):
        with pytest.raises(InvalidDecoratorAttribute, match=next(iter(refused))):
            MetaflowRayDecorator(attributes=refused)
    # ray_parallel has no options that do nothing for anybody.
    with pytest.raises(InvalidDecoratorAttribute, match="worker_polling_freq"):
        RayParallelDecorator(attributes={"worker_polling_freq": 10})


def test_rays_clients_of_the_dashboard_say_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    from ray.job_submission import JobSubmissionClient
    from ray.util.state import list_nodes

    asked = no_dashboard.environment(False, {})
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    deco = RayParallelDecorator()
    deco.checked = {"enable_dashboard": False}
    for call in (JobSubmissionClient, lambda: JobSubmissionClient("auto"), list_nodes):
        # Without ray[default] they do not come so far as to ask for an address.
        with pytest.raises((RayDashboardException, RuntimeError)) as failed:
            call()
        deco.task_exception(failed.value, "train", None, None, 0, 0)
        said = f"{failed.value} {capsys.readouterr().err}"
        assert said.count("enable_dashboard=True") == 1 and "ray[default]" in said
    with pytest.raises(RayDashboardException, match="enable_dashboard = TRUE"):
        no_dashboard.get_job_submission_client_cluster_info("")
    # A worker that ends for it does not say it again.
    for other in (RuntimeError("another"), GangLostException("control failed: ray[default]")):
        deco.task_exception(other, "train", None, None, 0, 0)
    assert not capsys.readouterr().err
    # Whoever has one, or asks another cluster's, is left alone.
    assert no_dashboard.environment(True, {}) == no_dashboard.environment(False, asked) == {}
