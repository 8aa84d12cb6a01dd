"""GitHub on this machine: what its workflows' `run` steps do when a repository changes.

>>> github = GitHub(bare, folder, cloud, vars={"AWS_PUSH_ROLE": "push"}, secrets={})
>>> github.happens("push", ref="refs/heads/main").results
{'build': 'success', ...}

The steps are those of the YAML, as they stand there, in a fresh clone of the commit, with the
environment that the YAML gives them. Actions of others (`uses`) are not run: what they leave is put
in their place. Of the workflow that builds the image the step runs that pushes it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from metaflow._vendor import yaml

from .cloud import Cloud
from .conftest import ROOT

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = "owner/flows"
TOKENS = re.compile(r"'(?:[^']|'')*'|&&|\|\||!=|==|!|[A-Za-z_][\w.-]*(?:\(\))?|[()]|\s+")


def evaluate(expression: str, contexts: Mapping[str, Any]) -> Any:
    """What an expression of GitHub's is; only what the workflows use of the language."""

    def name(path: str) -> Any:
        value: Any = contexts
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    words = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False"}
    python = ""
    for token in TOKENS.findall(expression):
        if token.startswith("'") or token in ("(", ")", "==", "!=") or token.isspace():
            python += token
        else:
            python += words.get(token) or f"name({token!r})"
    rest = TOKENS.sub("", expression)
    assert not rest, f"{expression}: {rest} is not understood here"
    # GitHub takes what is not there for an empty text.
    names = {"name": lambda path: "" if (x := name(path)) is None else x}
    return eval(python.strip(), names)  # noqa: S307 of the project's own workflows


def fill(value: Any, contexts: Mapping[str, Any]) -> str:
    """A text of the YAML with its expressions replaced."""

    def replace(match: re.Match[str]) -> str:
        found = evaluate(match[1], contexts)
        return str(found).lower() if isinstance(found, bool) else str(found)

    return re.sub(r"\$\{\{(.*?)\}\}", replace, str(value))


def holds(condition: Any, contexts: Mapping[str, Any]) -> bool:
    """Whether an `if` is true; it may lack the braces."""
    text = re.sub(r"^\$\{\{(.*)\}\}$", r"\1", str(condition).strip())
    return bool(evaluate(text, contexts))


@dataclass
class Event:
    """What came of something that happened."""

    results: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    log: str = ""


class GitHub:
    """A repository on GitHub.

    Parameters
    ----------
    bare : Path
        The repository itself.
    folder : Path
        For clones.
    cloud : Cloud
        The AWS that the steps reach.
    vars, secrets : dict
        The repository's variables and secrets.
    """

    def __init__(
        self, bare: Path, folder: Path, cloud: Cloud, vars: dict[str, str], secrets: dict[str, str]
    ) -> None:
        self.bare, self.folder, self.cloud = bare, folder, cloud
        self.vars, self.secrets = vars, secrets
        self.calls = folder / "calls"
        self.calls.touch()
        programs = folder / "programs"
        programs.mkdir()
        for name in ("docker", "aws", "gh"):
            script = f'#!/bin/sh\nexec {sys.executable} -m aws.programs {name} "$@"\n'
            (programs / name).write_text(script)
            (programs / name).chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"
        self.clones = 0

    def called(self, *start: str) -> list[list[str]]:
        """The calls of docker, aws and gh that begin so."""
        lines = self.calls.read_text().splitlines()
        made: list[list[str]] = [json.loads(line) for line in lines]
        return [call for call in made if call[: len(start)] == list(start)]

    def happens(
        self,
        event: str,
        *,
        sha: str,
        ref: str,
        workflow: str = "flow",
        fork: bool = False,
        payload: dict[str, str] | None = None,
    ) -> Event:
        """Run a workflow's jobs, one after the other."""
        workspace = self.folder / f"clone{self.clones}"
        self.clones += 1
        subprocess.run(["git", "clone", "-q", str(self.bare), str(workspace)], check=True)
        subprocess.run(["git", "checkout", "-q", sha], cwd=workspace, check=True)
        head = {"full_name": "someone/flows" if fork else REPOSITORY}
        github = {
            "event_name": event,
            "ref": ref,
            "ref_name": ref.removeprefix("refs/heads/"),
            "ref_type": "branch",
            "sha": sha,
            "repository": REPOSITORY,
            "event": {"pull_request": {"head": {"repo": head}}, **(payload or {})},
            "token": "token",
        }
        # A fork's workflow gets neither.
        contexts: dict[str, Any] = {"github": github}
        contexts["vars"] = {} if fork else self.vars
        contexts["secrets"] = {} if fork else self.secrets
        text = (workspace / ".github" / "workflows" / f"{workflow}.yml").read_text()
        said, done = yaml.safe_load(text), Event()
        for name, job in said["jobs"].items():
            needs = job.get("needs", [])
            needs = [needs] if isinstance(needs, str) else needs
            results = [done.results[x] for x in needs]
            contexts["needs"] = {
                x: {"result": done.results[x], "outputs": {"image": done.images.get(x, "")}}
                for x in needs
            }
            failed = "failure" in results
            contexts |= {"failure()": failed, "cancelled()": False}
            condition = job.get("if", "true")
            asked = "failure()" in condition or "cancelled()" in condition
            well = asked or all(x == "success" for x in results)
            if not (well and holds(condition, contexts)):
                done.results[name] = "skipped"
                continue
            runs = Job(self, workspace, contexts, {**said.get("env", {}), **job.get("env", {})})
            good = runs.push(job["with"]) if "uses" in job else runs.steps(job["steps"])
            done.results[name] = "success" if good else "failure"
            done.images[name] = runs.outputs.get("push", {}).get("image", "")
            done.roles[name] = runs.role
            done.log += runs.log
        return done


class Job:
    """A job on a machine of its own."""

    def __init__(
        self, github: GitHub, workspace: Path, contexts: dict[str, Any], env: dict[str, str]
    ) -> None:
        self.github, self.workspace, self.contexts, self.env = github, workspace, contexts, env
        self.outputs: dict[str, dict[str, str]] = {}
        self.role, self.log = "", ""
        self.temp = workspace.parent / f"{workspace.name}-temp"
        self.temp.mkdir(exist_ok=True)

    def push(self, inputs: dict[str, str]) -> bool:
        """The step of flow-image.yml that pushes, as GitHub would come to it."""
        given = {k: fill(v, self.contexts) for k, v in inputs.items()}
        text = (ROOT / ".github" / "workflows" / "flow-image.yml").read_text()
        job = yaml.safe_load(text)["jobs"]["image"]
        self.role = given["role"]
        self.contexts = {**self.contexts, "inputs": given}
        self.env = job["env"]
        steps = [x for x in job["steps"] if x.get("id") in ("ecr", "push")]
        return self.steps(steps)

    def steps(self, steps: list[dict[str, Any]]) -> bool:
        """All steps until one fails; whether none did."""
        for step in steps:
            outputs = {name: {"outputs": values} for name, values in self.outputs.items()}
            contexts = {**self.contexts, "steps": outputs}
            env = {k: fill(v, contexts) for k, v in self.env.items()}
            env |= {k: fill(v, {**contexts, "env": env}) for k, v in step.get("env", {}).items()}
            if not holds(step.get("if", "true"), {**contexts, "env": env}):
                continue
            if "run" in step:
                if not self.run(step, env):
                    return False
            elif "configure-aws-credentials" in step["uses"]:
                self.role = fill(step["with"]["role-to-assume"], contexts)
            elif "ecr-login" in step["uses"]:
                self.outputs[step.get("id", "")] = {"registry": REGISTRY}
        return True

    def run(self, step: dict[str, Any], env: dict[str, str]) -> bool:
        """Run a step's script with bash as GitHub does; whether it went well."""
        output = self.temp / "output"
        output.write_text("")
        script = self.temp / "script.sh"
        script.write_text(step["run"])
        known = self.contexts["github"]
        machine = {
            **{k: v for k, v in self.github.cloud.environment.items() if k.startswith("AWS_")},
            "METAFLOW_S3_ENDPOINT_URL": self.github.cloud.environment["METAFLOW_S3_ENDPOINT_URL"],
            "PATH": self.github.path,
            "PYTHONPATH": str(ROOT / "tests"),
            "HOME": str(self.temp),
            "CALLS": str(self.github.calls),
            "PULLS": str(self.github.folder / "pulls"),
            "BARE": str(self.github.bare),
            "RUNNER_TEMP": str(self.temp),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_SHA": known["sha"],
            "GITHUB_REF_NAME": known["ref_name"],
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_ACTOR": "dev",
        }
        if "R_LIBS" in os.environ:
            machine["R_LIBS"] = os.environ["R_LIBS"]
        process = self.github.cloud.start_alone(
            ["bash", "-e", str(script)], cwd=self.workspace, env={**machine, **env}
        )
        said = process.communicate(timeout=280)[0]
        # GitHub prints what a step gets, and hides secrets.
        shown = "".join(f"  {k}: {v}\n" for k, v in env.items()) + said
        for secret in self.contexts["secrets"].values():
            shown = shown.replace(secret, "***")
        self.log += f"{step.get('name')}\n{shown}"
        pairs = (line.split("=", 1) for line in output.read_text().splitlines())
        self.outputs[step.get("id", "")] = dict(pairs)
        return process.returncode == 0
