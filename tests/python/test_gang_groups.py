"""Groups of a gang's nodes: what they are, who gets what, and what is refused by name."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import StartFlow
from metaflow_extensions.gangway.exceptions import GangAttributeException
from metaflow_extensions.gangway.gang import attributes, refusals
from metaflow_extensions.gangway.gang.decorator import GangDecorator
from metaflow_extensions.gangway.gang.groups import Groups, groups
from metaflow_extensions.gangway.gang.link import names
from metaflow_extensions.gangway.gang.link.lifeline import missing
from metaflow_extensions.gangway.gang.machine.container import container_of
from metaflow_extensions.gangway.gang.machine.cpus import asked_for
from metaflow_extensions.gangway.gang.machine.gpus import share_out
from metaflow_extensions.gangway.gang.machine.shares import shares
from metaflow_extensions.gangway.gang.node import NodeSpec
from metaflow_extensions.gangway.mf import batch, kubernetes
from metaflow_extensions.gangway.ray import resources
from metaflow_extensions.gangway.ray.decorator import RayParallelDecorator

WHERE = "@ray_parallel on step *train* of flow *F*"
THREE = groups(
    {"control": {"cpu": 1}, "gpu": {"nodes": 2, "gpu": 1, "cpu": 4}, "cpu": {"nodes": 3}}
)


def spec(of: Groups, index: int, **given: Any) -> NodeSpec:
    return NodeSpec(
        "ab", index, of.num_nodes, b"", local=True, groups=of,
        attributes={**RayParallelDecorator.defaults, **given},
    )  # fmt: skip


def test_nodes_are_in_the_order_of_their_groups() -> None:
    assert THREE.num_nodes == 6
    assert [THREE.of(i).name for i in range(6)] == ["control", "gpu", "gpu", "cpu", "cpu", "cpu"]
    assert str(THREE) == "control (node 0), gpu (nodes 1 to 2), cpu (nodes 3 to 5)"
    assert [(x.group, x.nodes) for x in THREE.ranges()] == [
        ("control", range(1)),
        ("gpu", range(1, 3)),
        ("cpu", range(3, 6)),
    ]
    # Control is in the first group, and a range of its own all the same.
    two = groups('{"a": {"nodes": "3", "memory": 500}, "b": {}}')
    assert [(x.group, x.nodes) for x in two.ranges()] == [
        ("a", range(1)),
        ("a", range(1, 3)),
        ("b", range(3, 4)),
    ]
    assert two.wishes("memory") == [500, 500, 500, None]
    # Where some ask for GPUs, the others have none.
    assert THREE.wishes("gpu") == [0, 1, 1, 0, 0, 0]
    assert two.wishes("gpu") == [None] * 4


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"gpu": {"gpus": 1}}, "the group 'gpu' has the unknown key 'gpus'; a group has nodes"),
        ({"cpu": {"nodes": 0}}, "'cpu' has nodes=0; it must be a whole number of at least 1"),
        ({"cpu": {"nodes": 1.5}}, "'cpu' has nodes=1.5; it must be a whole number of at least 1"),
        ({"cpu": {"cpu": 0}}, "'cpu' has cpu=0; it must be a number above 0"),
        ({"cpu": {"gpu": "x"}}, "'cpu' has gpu='x'; it must be a whole number of at least 0"),
        ({"cpu": {"memory": None}}, "'cpu' has memory=None; it must be a whole number"),
        ({"a b": {}}, "'a b' is no name for a group"),
        ({"a": 3}, "the group 'a' is 3; a group has nodes"),
        ({"a": {}, "control": {}}, "'control' is the control task's own: put it first"),
        ({"control": {"nodes": 2}}, "'control' is the control task's own: put it first, with one"),
        ('{"a": {}, "a": {}}', "'a' is there twice"),
        ({}, "groups: {} is no dictionary of groups, as"),
        ([{"nodes": 1}], "is no dictionary of groups, as"),
        ("no json", "is no dictionary of groups, as"),
    ],
)
def test_what_is_wrong_with_groups_is_told_by_name(given: Any, why: str) -> None:
    with pytest.raises(GangAttributeException) as caught:
        attributes.check_all({"groups": given}, {"groups": groups}, ("groups",), WHERE)
    assert str(caught.value).startswith(f"{WHERE}: groups")
    assert why in str(caught.value)


def test_groups_that_contradict_something_are_refused() -> None:
    def refused(check: Any, *arguments: Any) -> str:
        with pytest.raises(GangAttributeException) as caught:
            check(*arguments, WHERE)
        return str(caught.value)

    assert (
        f"{WHERE}: the step before says num_parallel=4, and the groups have 6: control (node 0), "
        "gpu (nodes 1 to 2), cpu (nodes 3 to 5). Say num_parallel=6 there"
    ) in refused(refusals.check_num_parallel, THREE, 4)
    refusals.check_num_parallel(THREE, 6, WHERE)
    refusals.check_num_parallel(None, 4, WHERE)
    said = RayParallelDecorator.for_all_nodes
    given = {"num_cpus": 2, "num_gpus": None}
    why = refused(refusals.check_said_once, THREE, given, said)
    assert "num_cpus=2 is for all nodes, and the group 'control' has cpu= of its own" in why
    on_batch = [SimpleNamespace(name="batch", attributes={})]
    many = groups({"a": {"nodes": 2}, "b": {}, "c": {}, "d": {}, "e": {}}).ranges()
    assert "AWS Batch tells at most 5 groups of nodes apart" in refused(
        refusals.check_ranges, on_batch, many
    )
    refusals.check_ranges(on_batch, many[1:], WHERE)
    refusals.check_ranges([SimpleNamespace(name="kubernetes", attributes={})], many, WHERE)
    for wrong, why in {"disk": "has disk=, which AWS Batch", "cpu": "has cpu=0.5, and"}.items():
        ranges = groups({"a": {wrong: 1 if wrong == "disk" else 0.5}}).ranges()
        assert f"the group 'a' {why}" in refused(refusals.check_ranges, on_batch, ranges)


@pytest.mark.parametrize(
    ("total", "wishes", "least", "wanted"),
    [
        (5, [None, None, None], 0, [2, 2, 1]),
        (16, [1, 4, 4], 1, [1, 4, 4]),
        (16, [1, 4, None, None], 1, [1, 4, 6, 5]),
        (8, [4, 12], 1, [2, 6]),
        (10, [8, 8, None], 1, [5, 4, 1]),
        (2, [1, 8, None], 1, [1, 1, 1]),
        (1, [0, 1, 1, 0], 0, [0, 1, 0, 0]),
        (0, [1, 1], 0, [0, 0]),
        (4, [0.5, None], 1, [1, 3]),
        (3, [0, None], 0, [0, 3]),
    ],
)
def test_who_asks_gets_it_and_the_others_share_the_rest(
    total: int, wishes: list, least: int, wanted: list[int]
) -> None:
    assert shares(total, wishes, least) == wanted


def test_nodes_on_one_machine_share_it_by_their_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 12)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    found = [resources.local_resources(spec(THREE, i)) for i in range(6)]
    assert [each.num_cpus for each in found] == [1, 4, 4, 1, 1, 1]
    assert [each.gpu_ids for each in found] == ["", "3", "5", "", "", ""]
    assert [each.num_gpus for each in found] == [0, 1, 1, 0, 0, 0]
    assert found[1].custom == {"group_gpu": 1000}
    with_custom = resources.local_resources(spec(THREE, 3, resources={"license": 1}))
    assert with_custom.custom == {"license": 1, "group_cpu": 1000}
    assert share_out(["3", "5"], THREE.wishes("gpu")) == [[], ["3"], ["5"], [], [], []]


def test_what_a_group_does_not_say_is_the_steps() -> None:
    decorators = [SimpleNamespace(name="batch", attributes={"cpu": "1", "memory": "500"})]
    of = [THREE.of(i).resources for i in (0, 1, 3)]
    found = [container_of(decorators, each) for each in of]
    assert [(x.gpus, x.memory) for x in found] == [(0, 500 << 20), (1, 500 << 20), (0, 500 << 20)]
    assert [asked_for(decorators, "gpu", "cpu", group=each) for each in of] == [1, 1, 1]
    assert [asked_for(decorators, "cpu", group=each) for each in of] == [1, 4, 1]
    assert asked_for([], "cpu", group={"cpu": 4}) == 4


def test_batch_gets_a_node_range_for_each_group() -> None:
    container = {"image": "a", "linuxParameters": {"sharedMemorySize": 100, "maxSwap": 1}}
    asked = [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "500"}]
    given = groups(
        {"a": {"nodes": 2}, "b": {"cpu": 8, "gpu": 1, "memory": 900, "shared_memory": 300}}
    )
    step, workers, big = batch.node_properties(container, asked, given.ranges())
    assert step == {
        "targetNodes": "0:0",
        "container": {**container, "resourceRequirements": asked},
    }
    assert workers == {**step, "targetNodes": "1:1"}
    amounts = {x["type"]: x["value"] for x in big["container"]["resourceRequirements"]}
    assert amounts == {"VCPU": "8", "MEMORY": "900", "GPU": "1"}
    assert big["container"]["linuxParameters"] == {"sharedMemorySize": 300, "maxSwap": 1}
    without_gpu = groups({"a": {"gpu": 0}}).ranges()
    one = batch.node_properties(container, [{"type": "GPU", "value": "1"}], without_gpu)
    assert one[0]["container"]["resourceRequirements"] == []
    overrides = [
        {"targetNodes": "0:0", "containerOverrides": {"command": ["control"]}},
        {
            "targetNodes": "1:2",
            "containerOverrides": {"command": ["worker"], "resourceRequirements": asked},
        },
    ]
    found = batch.node_overrides(overrides, given.ranges())
    assert [(x["targetNodes"], x["containerOverrides"]) for x in found] == [
        ("0:0", {"command": ["control"]}),
        ("1:1", {"command": ["worker"]}),
        ("2:2", {"command": ["worker"]}),
    ]
    dead = {"jobId": "ab#2", "container": {"exitCode": 137}}
    assert batch.failure(dead, given.ranges()) == "node 2 (b) failed: exit code 137"


def test_pods_count_on_from_those_of_the_groups_before() -> None:
    words = ["bash", "-c", "true && step $MF_WORKER_REPLICA_INDEX"]
    assert kubernetes.command(words, 0) == words
    *shell, said = kubernetes.command(words, 2)
    assert shell == words[:2] and said.endswith("; " + words[-1])
    assert said.startswith("export MF_WORKER_REPLICA_INDEX=$((MF_WORKER_REPLICA_INDEX + 2)); ")
    *_, last = groups({"a": {}, "b": {"gpu": 0, "cpu": 2, "disk": 5, "shared_memory": 9}}).ranges()
    assert kubernetes.properties(last) == {
        "cpu": "2", "disk": "5", "shared_memory": 9, "gpu": None,
    }  # fmt: skip
    assert kubernetes.longer_names(THREE.ranges()) == 0
    assert kubernetes.longer_names(groups({"a": {}, "b": {}, "c": {"nodes": 11}}).ranges()) == 1


def test_messages_name_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_ranges", [])
    assert names.node_name(3) == "node 3"
    names.name_by_groups(THREE.ranges())
    assert names.node_name(3) == "node 3 (cpu)"
    assert missing(range(6), [0, 2, 4, 5]) == "nodes 1 (gpu), 3 (cpu)"


def test_every_gang_decorator_takes_groups() -> None:
    from metaflow.plugins import STEP_DECORATORS

    gangs = [deco for deco in STEP_DECORATORS if issubclass(deco, GangDecorator)]
    assert len(gangs) >= 5
    for deco in gangs:
        assert "groups" in deco.defaults and "groups" in deco.optional and deco.checks["groups"]


def test_a_run_says_which_groups_its_nodes_are_in(run_flow: StartFlow) -> None:
    run = run_flow("gang_groups.py")
    assert run.status == 0, run.output
    said = "3 nodes came together in [0-9.]+ s: control \\(node 0\\), big \\(nodes 1 to 2\\)"
    assert re.search(said, run.output), run.output
    assert "node 2 (big) failed: ValueError: no luck" in run.output
    assert "[node 1 (big)] in the group big" in run.output
    assert "FOUND ['control', 'big', 'big']" in run.output


def test_another_number_of_nodes_is_refused_before_the_gang_starts(run_flow: StartFlow) -> None:
    given = json.dumps({"groups": {"control": {"cpu": 1}, "gpu": {"nodes": 2, "gpu": 1}}})
    run = run_flow("gang_attributes.py", ATTRIBUTES=given)
    assert run.status == 1, run.output
    assert "the step before says num_parallel=2, and the groups have 3" in run.output
    assert "/start/1" in run.output and "/train/" not in run.output
