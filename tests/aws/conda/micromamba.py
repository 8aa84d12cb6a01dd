#!/usr/bin/env python
"""micromamba's command line, as far as Metaflow uses it, on rattler: a real solver and installer.

The binary itself comes from conda-forge, which PyPI and Debian do not have. GANGWAY_TEST_CONDA is a
folder with `channel`; in a remote task there is none, and none is asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import rattler
from rattler.exceptions import SolverError
from rattler.index import index_fs

ROOT = Path(os.environ.get("GANGWAY_TEST_CONDA", "/nowhere"))
CHANNEL = ROOT / "channel"
# Metaflow keeps packages under what follows the host in their addresses.
ADDRESS = "https://conda.example.com/channel"


def main(arguments: list[str]) -> dict[str, Any]:
    """What micromamba would print with MAMBA_JSON."""
    if arguments[:2] == ["config", "list"]:
        folders = {"envs_dirs": [str(ROOT / "envs")], "pkgs_dirs": [str(ROOT / "pkgs")]}
        return {"channels": [ADDRESS], "platform": "linux-64", **folders}
    if arguments[:2] == ["env", "list"]:
        return {"envs": [str(x.parent) for x in ROOT.glob("envs/metaflow/*/*/conda-meta")]}
    assert arguments[0] == "create", arguments
    words = [x for x in arguments[1:] if not x.startswith("--")]
    if "--dry-run" in arguments:
        records = asyncio.run(solve(words, CHANNEL))
        urls = [str(record.url).replace(CHANNEL.as_uri(), ADDRESS) for record in records]
        return {"actions": {"LINK": [{"url": url} for url in urls]}}
    if "--download-only" in arguments:
        (ROOT / "pkgs").mkdir(exist_ok=True)
        for url in words:
            shutil.copy(url.replace(ADDRESS, str(CHANNEL)), ROOT / "pkgs")
    elif "--file" in arguments:
        # Of a remote task: the packages lie in folders of their own, and there is no channel.
        prefix, explicit = (Path(words[i]) for i in (0, 1))
        install(prefix, [Path(x) for x in explicit.read_text().splitlines()[1:]])
    else:
        install(Path(words[0]), [ROOT / "pkgs" / url.rsplit("/", 1)[1] for url in words[1:]])
    return {}


async def solve(specs: list[str], channel: Path) -> list[rattler.RepoDataRecord]:
    """The packages that satisfy the specifications, with what they depend on."""
    return await rattler.solve([channel.as_uri()], specs, platforms=["linux-64", "noarch"])


def install(prefix: Path, packages: list[Path]) -> None:
    """Make an environment of these packages and no others."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "channel"
        for subdir in ("linux-64", "noarch"):
            (own / subdir).mkdir(parents=True)
        for package in packages:
            shutil.copy(package, own / "linux-64")
        asyncio.run(index_fs(own))
        names = [package.name.rsplit("-", 2)[0] for package in packages]
        records = asyncio.run(solve(names, own))
        assert len(records) == len(packages)
        cache = Path(folder) / "cache"
        asyncio.run(rattler.install(records, prefix, cache_dir=cache, show_progress=False))


try:
    status, told = 0, main(sys.argv[1:])
except SolverError as error:
    status, told = 1, {"solver_problems": [str(error)]}
print(json.dumps(told), flush=True)
# Rattler's threads have ended a process that was taken down while they ran.
os._exit(status)
