"""A Ray gang whose control task has one CPU, with a group of GPUs and one of CPUs."""

import json

from metaflow import FlowSpec, batch, current, ray_parallel, step

GROUPS = {
    "control": {"cpu": 1, "memory": 1000},
    "gpu": {"nodes": 1, "gpu": 1, "shared_memory": 200},
    "cpu": {"cpu": 2},
}


class GroupsGangFlow(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=3)

    @batch(cpu=1, memory=500, shared_memory=100)
    @ray_parallel(groups=GROUPS)
    @step
    def train(self):
        import ray

        ray.init(log_to_driver=False)
        self.nodes = {}
        for node in ray.nodes():
            has, group = node["Resources"], node["Labels"]["ray.io/node-group"]
            memory, store = (round(has[x] / 2**20) for x in ("memory", "object_store_memory"))
            found = (has["CPU"], has.get("GPU", 0), memory, store, node["NodeManagerAddress"])
            self.nodes[node["NodeName"]] = (group, *found)

        @ray.remote(num_cpus=0)
        def where():
            print("HELLO from a worker")
            return ray.util.get_node_ip_address()

        by_resource = where.options(resources={"group_gpu": 1})
        by_label = where.options(label_selector={"ray.io/node-group": "cpu"})
        self.where = ray.get([by_resource.remote(), by_label.remote()])
        self.group = current.gang_group
        self.next(self.join)

    @step
    def join(self, inputs):
        self.merge_artifacts(inputs)
        self.next(self.end)

    @step
    def end(self):
        names = ("nodes", "where", "group")
        print("FOUND", json.dumps({name: getattr(self, name) for name in names}))


if __name__ == "__main__":
    GroupsGangFlow()
