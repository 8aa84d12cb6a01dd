"""A gang with Ray's dashboard: who may ask it, and with whose calls."""

import os
import re
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

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


def page(address):
    """Return what a browser shows at an address, without a network but this machine's."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={folder}", "--dump-dom", address,
        ]  # fmt: skip
        command = [os.environ["BROWSER"], *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


class Login(BaseHTTPRequestHandler):
    """Gives a browser the token, as Ray's own page does when it is typed in."""

    def do_GET(self):
        self.send_response(302)
        cookie = f"ray-authentication-token={os.environ['RAY_AUTH_TOKEN']}; Path=/"
        self.send_header("Set-Cookie", cookie)
        self.send_header("Location", current.ray_dashboard_url + "/#/cluster")
        self.end_headers()

    def log_message(self, *args):
        pass


def browse():
    stranger = page(current.ray_dashboard_url + "/#/cluster")
    with HTTPServer(("127.0.0.1", 0), Login) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        owner = page(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    for who, shown in (("stranger", stranger), ("owner", owner)):
        text = " ".join(re.sub("<[^>]*>", " ", shown).split())
        asked = "Authentication Token Required" in text
        print("BROWSER", who, "is asked for the token" if asked else "is let in", end=" and sees ")
        print("2 nodes" if "TOTAL x 2" in text and "127.0.0.2 (Head)" in text else "no nodes")


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
        if os.environ.get("BROWSER"):
            browse()
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        pass


if __name__ == "__main__":
    GangDashboard()
