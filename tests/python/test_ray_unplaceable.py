"""What no node of a Ray cluster could ever take is told, and not only waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from metaflow_extensions.gangway.ray.unplaceable import Group, unplaceable
from rflow import environment

NODES = {
    "node 0": {"CPU": 2.0, "memory": 8 * 2.0**30},
    "node 1": {"CPU": 2.0, "GPU": 1.0, "memory": 4 * 2.0**30},
}


@pytest.mark.parametrize(
    "asked", [{}, {"CPU": 2.0}, {"GPU": 1.0, "CPU": 1.0}, {"memory": 8 * 2.0**30, "CPU": 0.5}]
)
def test_what_a_node_can_take_when_it_is_free_only_waits(asked: dict[str, float]) -> None:
    assert unplaceable([asked], [Group([asked, asked][:1], "PACK")], NODES) == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"CPU": 3.0}, "CPU 3, which no node has: node 0 has most of it, CPU 2"),
        (
            {"CPU": 1.0, "GPU": 2.0},
            "CPU 1, GPU 2, which no node has: node 1 has most of it, CPU 2, GPU 1",
        ),
        ({"special": 1.0}, "special 1, which no node has: node 0 has most of it, special 0"),
        ({"memory": 9 * 2.0**30}, "memory 9216 MB, which no node has: node 0 has"),
    ],
)
def test_a_task_that_no_node_can_take_is_told_once(asked: dict[str, float], told: str) -> None:
    (said,) = unplaceable([asked, dict(asked)], [], NODES)
    assert f"A task or actor of Ray's waits for {told}" in said
    assert "num_cpus=" in said


@pytest.mark.parametrize(
    ("bundles", "strategy", "told"),
    [
        ([{"CPU": 1.0}, {"CPU": 4.0}], "PACK", "a bundle of CPU 4, which no node has"),
        ([{"CPU": 2.0}] * 3, "PACK", "CPU 6, and all nodes together have CPU 4"),
        ([{"CPU": 2.0}] * 2, "STRICT_PACK", "CPU 4 on one node, which none has"),
        ([{"CPU": 1.0}] * 3, "STRICT_SPREAD", "3 nodes, and the cluster has 2"),
    ],
)
def test_a_placement_group_likewise(
    bundles: list[dict[str, float]], strategy: str, told: str
) -> None:
    (said,) = unplaceable([], [Group(bundles, strategy)], NODES)
    assert f"A placement group of Ray's ({strategy}) waits for {told}" in said


FLOW = """
from metaflow import FlowSpec, ray_parallel, step


class Wanting(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @ray_parallel
    @step
    def train(self):
        import ray

        ray.init(log_to_driver=False)
        most = max(node["Resources"].get("CPU", 0) for node in ray.nodes())
        wide = ray.remote(num_cpus=most + 1)(lambda: 1).remote()
        group = ray.util.placement_group([{"CPU": most + 2}])
        ray.wait([wide], timeout=9)
        ray.cancel(wide)
        ray.util.remove_placement_group(group)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    Wanting()
"""


def test_a_gang_tells_within_ten_seconds(tmp_path: Path) -> None:
    flow = tmp_path / "wanting.py"
    flow.write_text(FLOW)
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env={**os.environ, **environment(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stdout
    said = [line for line in run.stdout.splitlines() if " of Ray's " in line]
    assert sorted("placement group" in line for line in said) == [False, True], run.stdout
    assert all("which no node has: node 0 has most of it, CPU" in line for line in said)
