"""A gang of two, looked at from inside."""

import json
import os
import subprocess
import sys

from metaflow import FlowSpec, Parameter, current, ray_parallel, step
from metaflow_extensions.gangway.ray.private import talking_threads

ASK = "import ray, json; ray.init(log_to_driver=False); print(json.dumps(len(ray.nodes())))"


def ask(without=()):
    """Join the cluster from a subprocess; returns its status and the last thing it said."""
    env = {name: value for name, value in os.environ.items() if name not in without}
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=env, capture_output=True, text=True, timeout=60
    )
    return done.returncode, (done.stdout or done.stderr).strip().splitlines()[-1]


def command_lines():
    lines = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                lines.append(file.read().decode(errors="replace"))
        except OSError:
            continue
    return lines


class GangSuccess(FlowSpec):
    alpha = Parameter("alpha", default=0.5)
    constant = "one"

    @step
    def start(self):
        self.kept, self.changed = ["from start"], ["from start"]
        self.next(self.train, num_parallel=2)

    @ray_parallel(num_gpus=0, resources={"license": 2})
    @step
    def train(self):
        import ray

        ray.init()  # never shut down: the decorator sees to it
        self.talking = len(talking_threads())
        self.alive = sorted(n["NodeName"] for n in ray.nodes() if n["Alive"])
        self.resources = ray.cluster_resources()
        self.nodes_used = len(
            set(ray.get([ray.remote(num_cpus=1)(place).remote() for _ in range(8)]))
        )
        self.subprocess_status, self.subprocess_nodes = ask()
        self.stranger_status, self.stranger_words = ask(("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"))
        token = os.environ["RAY_AUTH_TOKEN"]
        self.token_shown = any(token in line for line in command_lines())
        self.storage = current.ray_storage_path
        with open(os.path.join(self.storage, "file"), "w") as file:
            file.write("kept")
        self.parallel = tuple(current.parallel)
        self.changed.append("from train")
        self.next(self.join)

    @step
    def join(self, inputs):
        self.holders = [hasattr(entry, "kept") for entry in inputs]
        self.constants = [(entry.alpha, entry.constant) for entry in inputs]
        self.merge_artifacts(inputs)
        self.still_set = sorted(n for n in os.environ if n.startswith(("RAY_AUTH", "GANGWAY")))
        self.next(self.end)

    @step
    def end(self):
        names = (
            "alive resources nodes_used subprocess_status subprocess_nodes stranger_status "
            "stranger_words token_shown storage parallel kept changed holders constants still_set "
            "talking"
        )
        print("RESULT", json.dumps({name: getattr(self, name) for name in names.split()}))


def place():
    import time

    import ray

    time.sleep(0.3)
    return ray.get_runtime_context().get_node_id()


if __name__ == "__main__":
    GangSuccess()
