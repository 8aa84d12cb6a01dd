"""The cloud's network: a bridge, and a network namespace with an address of its own for each node.

It lies in the network namespace of the cloud's server, so that the machine's network is not
touched, several clouds can live side by side, and all is gone with the server.
"""

from __future__ import annotations

import itertools
import subprocess

GATEWAY = "10.99.0.1"
# Where machines of EC2 ask about themselves.
INSTANCE_METADATA = "169.254.169.254"

_hosts = itertools.count(10)


def ip(*arguments: str) -> None:
    """Call ip(8)."""
    subprocess.run(["ip", *arguments], check=True)


def set_up() -> None:
    """Make the bridge, and hide the machine's list of named namespaces."""
    subprocess.run(["mkdir", "-p", "/run/netns"], check=True)
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/netns"], check=True)
    ip("link", "set", "lo", "up")
    # With an address that is not fixed the bridge takes its newest member's, and connections stall.
    ip("link", "add", "cloud", "address", "02:00:00:00:00:01", "type", "bridge")
    ip("address", "add", f"{GATEWAY}/16", "dev", "cloud")
    ip("address", "add", f"{INSTANCE_METADATA}/32", "dev", "cloud")
    ip("link", "set", "cloud", "up")


class Network:
    """One node's: `name` is that of its namespace."""

    def __init__(self) -> None:
        number = next(_hosts)
        self.name = f"node{number}"
        self.address = f"10.99.{number // 250}.{number % 250 + 1}"

    def open(self) -> None:
        cable, name = f"cable{self.name[4:]}", self.name
        ip("netns", "add", name)
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("link", "set", cable, "master", "cloud", "up")
        ip("-n", name, "address", "add", f"{self.address}/16", "dev", "eth0")
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "route", "add", INSTANCE_METADATA, "dev", "eth0")

    def close(self) -> None:
        ip("netns", "delete", self.name)
