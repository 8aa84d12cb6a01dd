"""A flow project's way into production, by its workflows: branch, promotion, merge, deployment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from metaflow._vendor import yaml

from .cloud import Cloud
from .conftest import ROOT
from .github import REGISTRY, GitHub

FLOW = "FuelEconomyFlow"
MAIN = "refs/heads/main"
ROLES = ("READ", "BRANCH", "PUSH", "DEPLOY")
QUICK = (
    f"library(gangway); flow <- metaflow('{FLOW}') |>\n"
    "step(step = 'start', next_step = 'end') |> step(step = 'end')\nrun(flow)\n"
)

Git = Callable[..., str]


def new_project(folder: Path, **arguments: str) -> tuple[Path, Path, Git]:
    """A new project, pushed to a bare repository: its folder, the repository, and git in it."""
    path, bare = folder / "fuelEconomy", folder / "bare.git"
    given = "".join(f", {name} = '{value}'" for name, value in arguments.items())
    make = f"gangway::create_flow_project('{path}', gangway = 'owner/gangway@v0.1.0'{given})"
    subprocess.run(["Rscript", "--vanilla", "-e", make], check=True)

    def git(*command: str) -> str:
        who = ["-c", "user.name=dev", "-c", "user.email=dev@example.com"]
        done = subprocess.run(
            ["git", *who, *command], cwd=path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    git("init", "-q", "-b", "main")
    git("remote", "add", "origin", str(bare))
    commit(git, "first")
    return path, bare, git


def commit(git: Git, message: str, branch: str = "main") -> str:
    """Commit all, push it, and give the commit."""
    git("add", ".")
    git("commit", "-qm", message)
    git("push", "-q", "origin", f"HEAD:refs/heads/{branch}")
    return git("rev-parse", "HEAD")


def merged(git: Git, branch: str, number: int) -> tuple[str, str]:
    """The merge of a pull request as GitHub keeps it: its commit and its reference."""
    tree = git("merge-tree", "--write-tree", "main", branch)
    sha = git("commit-tree", tree, "-p", "main", "-p", branch, "-m", "merge")
    git("push", "-q", "origin", f"{sha}:refs/pull/{number}/merge")
    return sha, f"refs/pull/{number}/merge"


def github_of(cloud: Cloud, bare: Path, folder: Path) -> GitHub:
    """The repository with variables and secrets as docs/aws.md asks for them."""
    settings = {k: v for k, v in cloud.environment.items() if k.startswith("METAFLOW_")}
    settings |= {f"AWS_{name}_ROLE": f"arn:aws:iam::123456789012:role/{name}" for name in ROLES}
    settings |= {
        "AWS_REGION": "us-east-1",
        "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/sfn",
        "METAFLOW_SFN_DYNAMO_DB_TABLE": "foreach",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/events",
        "OF_ANOTHER_WORKFLOW": "nobody-prints-this",
    }
    secrets = {"METAFLOW_SERVICE_AUTH_KEY": "the-service-key"}
    return GitHub(bare, folder, cloud, settings, secrets)


@dataclass
class State:
    """What is in AWS: tags of images by repository; tag and definition of deployments by name."""

    images: dict[str, list[str]]
    deployed: dict[str, tuple[str, str]]


def state(cloud: Cloud) -> State:
    """Ask AWS, at once for all."""
    code = """
import boto3, json
ecr, machines = boto3.client("ecr"), boto3.client("stepfunctions")
images = {
    name: sorted(x["imageTag"] for x in ecr.list_images(repositoryName=name)["imageIds"])
    for name in (x["repositoryName"] for x in ecr.describe_repositories()["repositories"])
}
deployed = {}
for x in machines.list_state_machines()["stateMachines"]:
    arn = x["stateMachineArn"]
    tags = machines.list_tags_for_resource(resourceArn=arn)["tags"]
    sha = {tag["key"]: tag["value"] for tag in tags}.get("git_sha")
    definition = machines.describe_state_machine(stateMachineArn=arn)["definition"]
    deployed[x["name"]] = sha, definition
print(json.dumps({"images": images, "deployed": deployed}))
"""
    return State(**json.loads(cloud.python(code)))


def make_repositories(cloud: Cloud) -> None:
    """As docs/aws.md says, with the lifecycle of branches' images."""
    docs = (ROOT / "docs" / "aws.md").read_text()
    policy = re.search(r"```json\n(\{\s*\"rules\".*?)```", docs, re.S)
    assert policy is not None
    cloud.python(
        "import boto3; ecr = boto3.client('ecr')\n"
        "for name in 'fuel-economy', 'fuel-economy-branches':\n"
        "    ecr.create_repository(repositoryName=name, imageTagMutability='IMMUTABLE')\n"
        "ecr.put_lifecycle_policy(repositoryName='fuel-economy-branches', "
        f"lifecyclePolicyText={policy[1]!r})"
    )


def rscript(cloud: Cloud, path: Path, *arguments: str, **env: str) -> str:
    """Run Rscript in the project's folder, on the cloud; give what it prints."""
    command = ["Rscript", "--vanilla", *arguments]
    process = cloud.start(command, cwd=path, env={"GANGWAY_PYTHON": sys.executable, **env})
    output = process.communicate(timeout=280)[0]
    assert process.returncode == 0, output
    return output


def promote(cloud: Cloud, path: Path) -> None:
    """A run of the project's flow, promoted."""
    rscript(cloud, path, "flow.R", "run", "--folds", "2")
    rscript(cloud, path, "-e", f"gangway::promote_run('{FLOW}')")


def check_fork(github: GitHub, sha: str, ref: str) -> None:
    """A fork gets no role, and no check of it passes by being skipped."""
    made = github.happens("pull_request", sha=sha, ref=ref, fork=True)
    assert (made.results["build"], made.results["image"]) == ("skipped", "failure")
    assert "has to be pushed to owner/flows itself" in made.log


def test_from_a_branch_to_production(cloud: Cloud, tmp_path: Path) -> None:
    path, bare, git = new_project(tmp_path)
    github = github_of(cloud, bare, tmp_path)
    make_repositories(cloud)

    # Without a promoted run the main branch's image is pushed and not deployed: an issue says so.
    first = git("rev-parse", "HEAD")
    made = github.happens("push", sha=first, ref=MAIN)
    assert made.results == {
        **dict.fromkeys(["image", "promoted", "branch"], "skipped"),
        **{"build": "success", "deploy": "failure", "alert": "success"},
    }
    assert "There is no flow" in made.log, made.log
    assert made.roles["build"].endswith("/PUSH") and made.roles["deploy"].endswith("/DEPLOY")
    assert len(github.called("gh", "issue", "create")) == 1

    # A branch gets its image, and a deployment of its own.
    git("checkout", "-qb", "Try/it")
    with open(path / "R" / "steps.R", "a") as file:
        file.write("# changed\n")
    tried = commit(git, "try", "Try/it")
    made = github.happens("push", sha=tried, ref="refs/heads/Try/it")
    assert made.results["branch"] == "success", made.log
    assert made.roles["build"].endswith("/BRANCH") and made.roles["branch"].endswith("/BRANCH")
    assert made.images["build"].startswith(f"{REGISTRY}/fuel-economy-branches@sha256:")
    now = state(cloud)
    assert now.images == {"fuel-economy": [first], "fuel-economy-branches": [tried]}
    (name, (tag, _)), *more = now.deployed.items()
    assert not more and tag == tried
    assert re.fullmatch(rf"fuel_economy\.test\.try_it_[0-9a-f]{{8}}\.{FLOW}", name)
    # The workflow's steps have what they need, and their log holds nothing else.
    assert "nobody-prints-this" not in made.log and "the-service-key" not in made.log
    in_image = github.called("docker", "run")[-1]
    assert "METAFLOW_SERVICE_AUTH_KEY" in in_image and "the-service-key" not in str(in_image)

    promote(cloud, path)

    # The merge is deployed for production; what is older by then is built, and not deployed.
    git("checkout", "-q", "main")
    git("merge", "-q", "--no-ff", "-m", "merge", "Try/it")
    git("push", "-q", "origin", "main")
    merge = git("rev-parse", "HEAD")
    made = github.happens("push", sha=first, ref=MAIN)
    assert made.results["deploy"] == "success" and f"main is at {merge} by now" in made.log
    made = github.happens("push", sha=merge, ref=MAIN)
    assert made.results["deploy"] == "success", made.log
    assert "Nobody has to approve what is deployed" in made.log
    now, production = state(cloud), f"fuel_economy.prod.{FLOW}"
    assert set(now.deployed) == {name, production}
    tag, definition = now.deployed[production]
    assert tag == merge and definition.count(f"--tag git_sha:{merge}") >= 5
    pushed = {"fuel-economy": [first, merge], "fuel-economy-branches": [tried]}
    assert now.images == {name: sorted(tags) for name, tags in pushed.items()}

    # With the branch goes its deployment.
    gone = {"ref": "Try/it", "ref_type": "branch"}
    made = github.happens("delete", workflow="branch-deleted", sha=merge, ref=MAIN, payload=gone)
    assert made.results == {"remove": "success"}, made.log
    assert set(state(cloud).deployed) == {production}


def test_a_pull_request_compiles_for_argo_workflows(cloud: Cloud, tmp_path: Path) -> None:
    pytest.importorskip("kubernetes", reason="the Python package kubernetes is not installed")
    path, bare, git = new_project(tmp_path, deploy="argo-workflows", repository="team/fuel")
    create = "boto3.client('ecr').create_repository(repositoryName='team/fuel-branches')"
    cloud.python(f"import boto3; {create}")
    git("checkout", "-qb", "own")
    flow = path / "R" / "flow.R"
    own = 'step(decorator("kubernetes", cpu = 2), step = "fit"'
    flow.write_text(flow.read_text().replace('step(step = "fit"', own))
    commit(git, "a step with a decorator of its own", "own")
    sha, ref = merged(git, "own", 1)
    github = github_of(cloud, bare, tmp_path)
    made = github.happens("pull_request", sha=sha, ref=ref)
    assert (made.results["build"], made.results["image"]) == ("success", "success"), made.log
    found = made.log[made.log.index("\n{") : made.log.rindex("\n}") + 2]
    template = json.loads(found)
    images = {x["container"]["image"] for x in template["spec"]["templates"] if "container" in x}
    assert images == {made.images["build"]}
    assert json.loads(template["metadata"]["annotations"]["metaflow/tags"]) == [f"git_sha:{sha}"]
    # Nobody has promoted a run.
    assert made.results["promoted"] == "failure"
    check_fork(github, sha, ref)


def approval(path: Path, folder: Path, pulls: list[dict[str, Any]]) -> tuple[int, str]:
    """What approved() of the workflows' functions says of the commit that is checked out."""
    (folder / "pulls").write_text(json.dumps(pulls))
    (folder / "calls").touch()
    gh = folder / "gh"
    gh.write_text(f'#!/bin/sh\nexec {sys.executable} -m aws.programs gh "$@"\n')
    gh.chmod(0o755)
    env = {
        **{
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "tests"),
        },
        **{"CALLS": str(folder / "calls"), "PULLS": str(folder / "pulls")},
        **{"GITHUB_REPOSITORY": "owner/flows", "GITHUB_SHA": ""},
    }
    script = "GITHUB_SHA=$(git rev-parse HEAD); . .github/gangway.sh; approved; echo approved"
    done = subprocess.run(
        ["bash", "-e", "-c", script], cwd=path, env=env, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def test_what_is_deployed_has_the_approval_of_a_code_owner(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    path, _, git = new_project(tmp_path, owners="@Lead")
    first = git("rev-parse", "HEAD")

    def merge(branch: str) -> tuple[str, str, str]:
        git("checkout", "-qb", branch, "main")
        (path / branch).write_text("")
        head = commit(git, branch, branch)
        base = git("rev-parse", "main")
        git("checkout", "-q", "main")
        git("merge", "-q", "--no-ff", "-m", "merge", branch)
        return git("rev-parse", "HEAD"), base, head

    def pull(sha: str, base: str, head: str, *reviews: tuple[str, ...]) -> dict[str, Any]:
        names = ("state", "commit_id", "author_association")
        return {
            "sha": sha,
            "pull": {
                "number": 7,
                "merged_at": "2026-12-01",
                "user": {"login": "dev"},
                "base": {"ref": "main", "sha": base},
                "head": {"sha": head},
            },
            "reviews": [
                {"user": {"login": by}, **dict(zip(names, said, strict=True))}
                for by, *said in reviews
            ],
        }

    # The repository's first commit: nobody was named before.
    assert approval(path, tmp_path, [])[0] == 0
    sha, base, head = merge("one")
    yes, no = ("APPROVED", head, "COLLABORATOR"), ("CHANGES_REQUESTED", head, "MEMBER")
    cases: list[tuple[list[tuple[str, ...]], bool]] = [
        ([("lead", *yes)], True),
        ([("lead", *no), ("lead", *yes), ("lead", "COMMENTED", head, "MEMBER")], True),
        ([], False),
        ([("other", *yes)], False),
        ([("lead", *yes), ("lead", *no)], False),
        ([("lead", "APPROVED", first, "MEMBER")], False),
        ([("lead", "COMMENTED", head, "MEMBER")], False),
    ]
    for reviews, well in cases:
        status, said = approval(path, tmp_path, [pull(sha, base, head, *reviews)])
        assert (status == 0) is well, (reviews, said)
        assert ("was approved by @lead" if well else "approved by none of @Lead") in said
    # Who has not gone by a pull request, or by one of another branch, has asked nobody.
    other = pull(sha, base, head, ("lead", *yes))
    other["pull"]["base"]["ref"] = "develop"
    for pulls in ([], [other]):
        status, said = approval(path, tmp_path, pulls)
        assert status == 1 and "without a pull request" in said
    # The author's own does not count, and the names are those from before the pull request.
    owners = path / ".github" / "CODEOWNERS"
    assert owners.read_text().endswith("\n* @Lead\n")
    owners.write_text("* @dev @owner/team\n")
    git("commit", "-qam", "other owners")
    assert approval(path, tmp_path, [pull(git("rev-parse", "HEAD"), head, head)])[0] == 1
    sha, base, head = merge("two")
    mine = pull(sha, base, head, ("dev", "APPROVED", head, "OWNER"))
    assert approval(path, tmp_path, [mine])[0] == 1
    # Members of a team are not told: whoever may write counts, and GitHub's rule asks for the team.
    for association, status in (("MEMBER", 0), ("NONE", 1)):
        of_team = pull(sha, base, head, ("ada", "APPROVED", head, association))
        assert approval(path, tmp_path, [of_team])[0] == status


def test_the_rules_of_the_main_branch_require_the_checks_of_pull_requests() -> None:
    github = ROOT / "inst" / "templates" / "project" / "github"
    rules = {x["type"]: x for x in json.loads((github / "ruleset.json").read_text())["rules"]}
    assert rules["pull_request"]["parameters"]["require_code_owner_review"] is True
    checks = rules["required_status_checks"]["parameters"]["required_status_checks"]
    jobs = yaml.safe_load((github / "workflows" / "flow.yml").read_text().replace("{{", ""))["jobs"]
    names = {x for x, job in jobs.items() if "== 'pull_request'" in str(job.get("if"))}
    assert {x["context"] for x in checks} == names


@pytest.mark.faults
def test_a_remote_run_is_compared_by_its_package(cloud: Cloud, tmp_path: Path) -> None:
    path, _, git = new_project(tmp_path)
    (path / "quick.R").write_text(QUICK)
    (path / "module.py").write_text("x = 1\n")
    commit(git, "a quick flow", "main")
    image = "METAFLOW_BATCH_CONTAINER_IMAGE"
    rscript(cloud, path, "quick.R", "run", "--with", "batch", **{image: "registry.test/any:1"})
    gate = "FLOW, script = 'quick.R'"
    said = rscript(
        cloud,
        path,
        *("-e", f"FLOW <- '{FLOW}'; gangway::promote_run({gate})"),
        *("-e", "Sys.setenv(METAFLOW_USER = 'github-actions')"),
        *("-e", f"run <- gangway::verify_promotion({gate})$run"),
        *("-e", "code <- reticulate::import('metaflow_extensions.gangway.r.code')"),
        *("-e", "files <- names(code$packaged(gangway::run_client$new(run)$get_obj()))"),
        *("-e", "cat('packaged', sort(files[!grepl('/', files)]), '')"),
        *("-e", "cat('# changed\n', file = 'R/steps.R', append = TRUE)"),
        *("-e", f"refused <- try(gangway::verify_promotion({gate}), silent = TRUE)"),
        *("-e", "cat('verified', run, 'refused', attr(refused, 'condition')$files)"),
    )
    assert "flow.R module.py quick.R " in said.partition("packaged")[2], said
    assert f"verified {FLOW}/" in said
    assert said.endswith("refused R/steps.R"), said
