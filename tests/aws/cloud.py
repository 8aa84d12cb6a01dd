"""An AWS on this machine: S3 (moto), Batch, whose jobs really run, and Metaflow's metadata service.

>>> with Cloud(folder) as cloud:
...     run = cloud.start([sys.executable, "flow.py", "run", "--with", "batch"], cwd=folder)
...     run.wait()
...     print(cloud.jobs[0].status)

Every node of a job is a container in namespaces of its own, on a network with its own address, with
the machine's root as its image (changes stay in memory) and an empty home and /tmp. The cloud has a
network of its own, too, so what shall reach it is started with `start()`. All of it ends with the
process that has made it, however that ends. Needs root, iproute2 and util-linux.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .container import Image

HOST = "10.99.0.1"
BUCKET = "gangway"


@dataclass(frozen=True)
class CloudNode:
    """A node of a job. `exit_code` is None until it has ended."""

    index: int
    status: str
    exit_code: int | None
    reason: str | None
    address: str
    log: Path
    command: list[str]
    environment: dict[str, str]

    @property
    def output(self) -> str:
        """What the container has printed, which Batch would hand to CloudWatch."""
        return self.log.read_text(errors="replace")


@dataclass(frozen=True)
class CloudPod:
    """A pod of Kubernetes; `described` is what its API server tells."""

    described: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.described["metadata"]["name"])

    @property
    def labels(self) -> dict[str, str]:
        return dict(self.described["metadata"]["labels"])

    @property
    def phase(self) -> str:
        return str(self.described["status"]["phase"])

    @property
    def address(self) -> str:
        return str(self.described["status"]["podIP"])

    @property
    def output(self) -> str:
        log = Path(self.described["log"])
        return log.read_text(errors="replace") if log.exists() else ""


@dataclass(frozen=True)
class CloudJob:
    """A job as Batch knows it; `request` is what was submitted."""

    id: str
    name: str
    status: str
    reason: str | None
    request: dict[str, Any]
    nodes: list[CloudNode]


def lacks() -> str:
    """Why no cloud can be made here; an empty text if it can."""
    if os.geteuid() != 0:
        return "the emulated AWS needs root"
    try:
        import boto3  # noqa: F401
        import moto.server  # noqa: F401
    except ImportError as error:
        return f"the emulated AWS needs the Python package {error.name}"
    trial = (
        "mount -t tmpfs tmpfs /mnt && mkdir /mnt/a /mnt/b /mnt/c && ip link add x type bridge && "
        "mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/a,workdir=/mnt/b /mnt/c"
    )
    try:
        apart = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork"]
        done = subprocess.run([*apart, "sh", "-c", trial], capture_output=True, text=True)
    except OSError as error:
        return f"the emulated AWS needs the command unshare ({error})"
    said = done.stderr.strip()
    return f"no namespaces or overlay file systems here: {said}" if done.returncode else ""


class Cloud:
    """A context manager: the cloud is there within it.

    Parameters
    ----------
    folder : Path
        For logs and the home of the runs; the caller removes it.
    image : Image, optional
        The root folder and environment of all containers: this machine's by default.
    """

    def __init__(self, folder: Path, image: Image | None = None) -> None:
        self.folder = folder
        self.image = image or Image.of_machine()
        self._server: subprocess.Popen[str] | None = None

    def __enter__(self) -> Cloud:
        tests = Path(__file__).resolve().parents[1]
        namespaces = ["--mount", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
        jobs = self.folder / "jobs"
        jobs.mkdir(parents=True)
        image = json.dumps(asdict(self.image))
        self._server = subprocess.Popen(
            ["unshare", *namespaces, sys.executable, "-m", "aws.server", str(jobs), image],
            env={**os.environ, "PYTHONPATH": str(tests), "AWS_DEFAULT_REGION": "us-east-1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"
        self._make_bucket()
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._server is not None and self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait()
        assert self._server.stdout is not None
        self._server.stdout.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a run that uses this cloud."""
        s3, home = f"http://{HOST}:8000", self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_BATCH": f"http://{HOST}:8001",
            "AWS_ENDPOINT_URL": s3,
            "METAFLOW_S3_ENDPOINT_URL": s3,
            "METAFLOW_DEFAULT_DATASTORE": "s3",
            "METAFLOW_DATASTORE_SYSROOT_S3": f"s3://{BUCKET}/metaflow",
            "METAFLOW_DATATOOLS_S3ROOT": f"s3://{BUCKET}/data",
            "METAFLOW_DEFAULT_METADATA": "service",
            "METAFLOW_SERVICE_URL": f"http://{HOST}:8003",
            "METAFLOW_SERVICE_INTERNAL_URL": f"http://{HOST}:8003",
            "METAFLOW_BATCH_JOB_QUEUE": "gangway-queue",
            "METAFLOW_DEFAULT_CONTAINER_IMAGE": "registry.test/flows:1",
            "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/task",
            "METAFLOW_USER": "tester",
            "KUBECONFIG": str(self._kubeconfig()),
            "METAFLOW_HOME": str(home),
        }

    @property
    def jobs(self) -> list[CloudJob]:
        """All jobs since the start, in the order of their submission."""
        return [
            CloudJob(**{**job, "nodes": [CloudNode(**_with_path(x)) for x in job["nodes"]]})
            for job in self._order("jobs")
        ]

    @property
    def pods(self) -> list[CloudPod]:
        """All pods since the start, in the order of their creation."""
        return [CloudPod(pod) for pod in self._order("pods")]

    def kill_pod(self, name: str, number: int = signal.SIGKILL) -> None:
        """Signal the first process of a pod."""
        self._order("kill pod", pod=name, signal=int(number))

    def _kubeconfig(self) -> Path:
        """The file by which clients find the cluster."""
        file = self.folder / "kubeconfig"
        parts: dict[str, Any] = {
            "cluster": {"server": f"http://{HOST}:6443"},
            "user": {"token": "test"},
            "context": {"cluster": "test", "user": "test"},
        }
        named = {f"{kind}s": [{"name": "test", kind: part}] for kind, part in parts.items()}
        file.write_text(json.dumps({"current-context": "test", **named}))
        return file

    def start(
        self, command: list[str], *, cwd: Path, env: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a command that reaches the cloud, with its `environment` and what `env` adds."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("METAFLOW_")}
        env = {**inherited, **self.environment, **(env or {})}
        return self.start_alone(command, cwd=cwd, env=env)

    def start_alone(
        self, command: list[str], *, cwd: Path, env: dict[str, str]
    ) -> subprocess.Popen[str]:
        """Start a command that reaches the cloud, with this environment and nothing else."""
        assert self._server is not None
        return subprocess.Popen(
            ["nsenter", f"--net=/proc/{self._server.pid}/ns/net", *command],
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def kill(self, job: str, node: int = 0, number: int = signal.SIGKILL) -> None:
        """Signal the first process of a node: SIGKILL, as when its machine runs out of memory."""
        self._order("kill", job=job, node=node, signal=int(number))

    def terminate(self, job: str, reason: str = "terminated by a test") -> None:
        """End a job as TerminateJob does."""
        self._order("terminate", job=job, reason=reason)

    def number_next(self, first: int) -> None:
        """Give the next run or task this id, and count on from there."""
        self._order("ids", first=first)

    def spot_notice(self, at: str | None) -> None:
        """Let all machines say that they are taken away at a time.

        None: they are no Spot machines, as at first; an empty text: no notice has come yet.
        """
        self._order("spot", notice=at)

    def python(self, code: str, env: dict[str, str] | None = None) -> str:
        """Run Python code that reaches the cloud; give what it prints."""
        process = self.start([sys.executable, "-c", code], cwd=self.folder, env=env)
        output = process.communicate(timeout=280)[0]
        assert process.returncode == 0, output
        return output

    def _make_bucket(self) -> None:
        self.python(f"import boto3; boto3.client('s3').create_bucket(Bucket={BUCKET!r})")

    def _order(self, name: str, **details: Any) -> Any:
        assert self._server is not None and self._server.stdin is not None
        self._server.stdin.write(json.dumps({"order": name, **details}) + "\n")
        self._server.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        assert self._server is not None and self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, "the cloud's server has ended; its message is above"
        return json.loads(line)


def _with_path(node: dict[str, Any]) -> dict[str, Any]:
    return {**node, "log": Path(node["log"])}
