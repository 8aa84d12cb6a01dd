"""A gang with Ray's dashboard: who may ask it, and with whose calls."""

import os
import urllib.error
import urllib.request

from metaflow import FlowSpec, current, ray_parallel, step


def status_of(path, token=None):
    """Return the dashboard's status for a path."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(  # noqa: S310
        current.ray_dashboard_url + path, headers=headers
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class GangDashboard(FlowSpec):
    @step
    def start(self):
        self.next(self.train, num_parallel=2)

    @ray_parallel(enable_dashboard=True, dashboard_port=int(os.environ.get("PORT", "8265")))
    @step
    def train(self):
        from ray.job_submission import JobSubmissionClient
        from ray.util.state import list_nodes

        print("NODES", len(list_nodes()))
        client = JobSubmissionClient(current.ray_dashboard_url)
        print("JOB", bool(client.submit_job(entrypoint="true")))
        print("STRANGER", status_of("/api/v0/nodes"), status_of("/api/jobs/"))
        print("OWNER", status_of("/api/v0/nodes", os.environ["RAY_AUTH_TOKEN"]))
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GangDashboard()
