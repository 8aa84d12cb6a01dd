"""The emulated AWS itself: what a plain Metaflow flow meets there."""

from __future__ import annotations

from .conftest import StartFlow


def test_a_plain_flow_runs_in_containers(run_flow: StartFlow) -> None:
    run = run_flow("plain.py", "--with", "batch")
    assert run.status == 0, run.output + run.logs
    assert "x is 2" in run.output
    assert [job.status for job in run.jobs] == ["SUCCEEDED"] * 3
    assert len({job.nodes[0].address for job in run.jobs}) == 3


def test_a_plain_gang_runs_as_a_multi_node_job(run_flow: StartFlow) -> None:
    run = run_flow("plain_gang.py", "--with", "batch")
    assert run.status == 0, run.output + run.logs
    gang = run.jobs[1]
    assert [(node.index, node.exit_code) for node in gang.nodes] == [(0, 0), (1, 0)]
    main = gang.nodes[0].address
    assert f"nodes [(0, '{main}'), (1, '{main}')]" in run.output
