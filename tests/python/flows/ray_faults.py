"""A Ray gang whose attempts meet FAULTS (faults.py), in its own processes and in Ray's.

NETNS, HOST and ADDRESSES put control's and the workers' nodes into two network namespaces; HOLD is
how long control waits before it uses the worker's node again.
"""

import json
import os
import time

import faults
import psutil
from fault_gangs import gang
from metaflow import FlowSpec, current, retry, step
from metaflow_extensions.gangway.gang.link import rendezvous
from own_faults import announce, own_fault, worker_task

HOLD = float(os.environ.get("HOLD", "0"))
NUM_PARALLEL = int(os.environ.get("NUM_PARALLEL", "2"))

if "NETNS" in os.environ:
    from metaflow_extensions.gangway.ray import node

    faults.enter_namespace(json.loads(os.environ["NETNS"])[bool(faults.MEETING)])
    rendezvous.host = lambda: os.environ["HOST"]
    node.loopback = lambda: json.loads(os.environ["ADDRESSES"])[bool(faults.MEETING)]
faults.fill_folders()


def server(index, name):
    # Control's descendants include the worker tasks'.
    wanted = {"raylet": [f"--node-name=node-{index}"], "gcs_server": []}[name]
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name() == name and set(wanted) <= set(process.cmdline()):
                return process
        except psutil.Error:
            continue
    raise LookupError(index)


def meet(fault, index):
    announce(fault)
    if fault == "kill_task":
        worker_task(index).kill()
    elif fault in ("kill_raylet", "kill_gcs_server"):
        server(index, fault.removeprefix("kill_")).kill()
    elif fault in ("end_raylet", "end_gcs_server"):
        server(index, fault.removeprefix("end_")).terminate()
    elif fault == "kill_launcher":
        server(index, "raylet").parent().kill()
    elif fault.startswith("remote_"):
        on_node(index, own_fault, fault.removeprefix("remote_"))
    else:
        own_fault(fault)
    time.sleep(60)


def on_node(index, function, *args):
    """Run a function in a Ray worker of a node."""
    import ray

    (name,) = (n["NodeID"] for n in ray.nodes() if n["NodeName"] == f"node-{index}")
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(name, soft=False)
    remote = ray.remote(max_retries=0, scheduling_strategy=here)(function)
    return ray.get(remote.remote(*args))


def speak():
    return "spoken"


class RayFaults(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=NUM_PARALLEL)

    @retry(times=int(os.environ.get("TIMES", "0")), minutes_between_retries=0)
    @gang("ray_parallel")(**json.loads(os.environ.get("ATTRIBUTES", "{}")))
    @step
    def train(self):
        import ray

        if current.retry_count:
            faults.look_for_leftovers(current.gang_node.spec.gang)
        ray.init(log_to_driver=False)
        assert len(ray.nodes()) == NUM_PARALLEL
        self.attempt = current.retry_count
        fault, index = faults.fault_of_this_attempt()
        if fault:
            meet(fault, index)
        print("HOLDING", flush=True)
        time.sleep(HOLD)
        assert on_node(NUM_PARALLEL - 1, speak) == "spoken"
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        print("SUCCESS in attempt", self.attempt)


if __name__ == "__main__":
    RayFaults()
