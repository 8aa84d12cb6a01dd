"""Builds the repository's Dockerfile for real with buildah, on stand-ins for what is not reachable.

The base image is made by debootstrap (`base.sh`); the installer of Miniforge (`conda.sh`) and a
CRAN of binary packages (`cran.sh`) are served on loopback. PyPI and Debian's archive are real.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import json
import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[2]
BASE = "localhost/gangway-base"
# One port on every day: the address is an argument of the build, and so a part of its cache's key.
PORT = 43117


def lacks() -> str:
    """Why no image can be built here; an empty text if it can."""
    if os.geteuid() != 0:
        return "building the image needs root"
    for tool, package in (("buildah", "buildah"), ("debootstrap", "debootstrap")):
        if not shutil.which(tool):
            return f"building the image needs {tool} (apt-get install {package})"
    return ""


class Builder:
    """buildah with a store of its own in the user's cache, like the roots of scripts/root.sh."""

    def __init__(self) -> None:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.folder = Path(os.environ.get("GANGWAY_IMAGES", f"{cache}/gangway/image"))
        self.store = self.folder / "store"

    def buildah(self, *arguments: str, store: Path | None = None) -> str:
        """Run buildah; its standard output without the last line break."""
        store = store or self.store
        where = ["--root", str(store / "root"), "--runroot", str(store / "run")]
        done = subprocess.run(
            ["buildah", *where, "--storage-driver", "overlay", *arguments],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (
            f"buildah {arguments}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
        )
        return done.stdout.strip()

    def make_base(self) -> None:
        """The image that stands in for rocker/r-ver."""
        if BASE in self.buildah("images", "--format", "{{.Name}}"):
            return
        _run(HERE / "base.sh", self.folder)
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        root = self.folder / "base"
        _run(
            "tar",
            "--create",
            "--file",
            context / "base.tar",
            "--exclude=./.complete",
            "-C",
            root,
            ".",
        )
        (context / "Dockerfile").write_text(
            "FROM scratch\nADD base.tar /\nENV LANG=en_US.UTF-8 TZ=Etc/UTC\n"
        )
        self.buildah("bud", "--isolation", "chroot", "--tag", BASE, str(context))
        shutil.rmtree(context)

    def make_cran(self, packages: list[str]) -> dict[str, str]:
        """The stand-in for Posit's repository; the versions that it has."""
        names = " ".join(sorted(packages))
        done = self.folder / f"cran-{hashlib.sha256(names.encode()).hexdigest()[:12]}"
        if not done.exists():
            shutil.rmtree(self.folder / "cran", ignore_errors=True)
            _run(HERE / "cran.sh", self.folder / "base", self.folder / "cran", *sorted(packages))
            done.touch()
        files = (self.folder / "cran/src/contrib").glob("*_*.tar.gz")
        return dict(file.name.removesuffix(".tar.gz").split("_", 1) for file in files)

    def packages(self) -> list[str]:
        """What the stand-in of CRAN has: the lock's packages, and one for a project's lock."""
        return [*json.loads((PROJECT / "renv.lock").read_text())["Packages"], "sodium"]

    def context(self, folder: Path) -> set[str]:
        """Copy what git knows or would add, with a lock file of what the stand-in has.

        Returns the packages of the lock file that the stand-in lacks.
        """
        listed = subprocess.run(
            ["git", "-C", PROJECT, "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if os.path.lexists(PROJECT / name):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, folder / name, follow_symlinks=False)
        lock = json.loads((PROJECT / "renv.lock").read_text())
        versions = self.make_cran(self.packages())
        missing = set(lock["Packages"]) - set(versions)
        for name in missing | set(_needing(lock["Packages"], missing)):
            del lock["Packages"][name]
        for name, record in lock["Packages"].items():
            if record["Version"] != versions[name]:
                record["Version"] = versions[name]
                del record["Hash"]
        (folder / "renv.lock").write_text(json.dumps(lock, indent=2))
        return missing

    def build(self, context: Path, tag: str, **arguments: str) -> str:
        """`docker build` of the context, with the stand-ins as arguments; what it printed."""
        address = f"http://127.0.0.1:{PORT}"
        digest = hashlib.sha256((HERE / "conda.sh").read_bytes()).hexdigest()
        arguments = {
            "BASE_IMAGE": BASE,
            "CRAN_MIRROR": f"{address}/cran",
            "MINICONDA_BASE_URL": address,
            "MINICONDA_INSTALLER": "conda",
            "MINICONDA_SHA256": digest,
            "MINICONDA_SHA256_AARCH64": digest,
            **arguments,
        }
        options = [part for item in arguments.items() for part in ("--build-arg", "=".join(item))]
        way = ["--isolation", "chroot", "--network", "host", "--layers", "--pull-never"]
        with self._served():
            try:
                return self.buildah(
                    "bud", *way, "--format", "docker", *options, "--tag", tag, str(context)
                )
            finally:
                # A failed build leaves containers of the stages that ran beside the failed one.
                self.buildah("rm", "--all")

    def inspect(self, image: str, store: Path | None = None) -> dict[str, Any]:
        """The image's configuration: user, environment, labels."""
        told = json.loads(self.buildah("inspect", "--type", "image", image, store=store))
        return {"digest": told["FromImageDigest"], **told["OCIv1"]["config"]}

    @contextlib.contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The image's files."""
        container = self.buildah("from", "--pull-never", image)
        try:
            yield Path(self.buildah("mount", container))
        finally:
            self.buildah("rm", container)

    @contextlib.contextmanager
    def _served(self) -> Iterator[None]:
        shutil.copy(HERE / "conda.sh", self.folder / f"conda-{platform.machine()}.sh")
        handler = functools.partial(_Quiet, directory=str(self.folder))
        with http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield
            finally:
                server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def _needing(packages: dict[str, Any], missing: set[str]) -> Iterator[str]:
    """Those that need a missing package, directly or not."""
    lost = set(missing)
    while more := {
        name
        for name, record in packages.items()
        if name not in lost and lost & set(record.get("Requirements", []))
    }:
        yield from more
        lost |= more
