"""A conda channel on disk: this machine's Python and R as packages, and some mere names."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

SUBDIR = "linux-64"
# conda puts the environment's path in its place when it installs the file.
PLACEHOLDER = "/opt/placeholder_" + "p" * 200
# Versions of what Metaflow and gangway ask for; the machine's own are used in truth.
NAMES = {"requests": "2.32.5", "boto3": "1.40.0", "rpy2": "3.6.4", "psutil": "7.0.0"}


def make_channel(folder: Path) -> Path:
    """Build the packages and index them."""
    import asyncio

    from rattler.index import index_fs

    (folder / SUBDIR).mkdir(parents=True)
    (folder / "noarch").mkdir()
    version = r_version()
    _pack(folder, "python", platform.python_version(), _python())
    # Of those that fit r = "4.2", and others.
    for other in ("3.6.3", version, "99.0.0"):
        _pack(folder, "r-base", other, _r())
    _pack(folder, "r-toy", "1.0.0", _toy(folder.parent), depends=["r-base"])
    for name, released in NAMES.items():
        _pack(folder, name, released, {})
    asyncio.run(index_fs(folder))
    return folder


def r_version() -> str:
    """Return the version of the machine's R."""
    return _r_says("cat(format(getRversion()))")


Files = dict[str, "bytes | Path"]


def _r_says(code: str) -> str:
    command = ["Rscript", "--vanilla", "-e", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _python() -> Files:
    """A virtual environment of this Python that also finds what is installed here."""
    base = os.path.realpath(sys.executable)
    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    return {
        "bin/python": Path(base),
        "pyvenv.cfg": f"home = {os.path.dirname(base)}\n".encode(),
        f"{site}/machine.pth": f"{sysconfig.get_paths()['purelib']}\n".encode(),
    }


def _r() -> Files:
    """This machine's R under another home, with a library of its own beside the base packages."""
    home = Path(_r_says("cat(R.home())"))
    script = (home / "bin/R").read_text()
    script = script.replace(f"R_HOME_DIR={home}\n", f"R_HOME_DIR={PLACEHOLDER}/lib/R\n")
    assert PLACEHOLDER in script
    folders = [home / "bin", home / "library"]
    entries = [x for x in home.iterdir() if x not in folders]
    entries += [x for folder in folders for x in folder.iterdir()]
    linked: Files = {f"lib/R/{x.relative_to(home)}": x for x in entries}
    return {**linked, "lib/R/bin/R": script.encode()}


def _toy(folder: Path) -> Files:
    """An R package that nothing but the environment has."""
    source = folder / "toy"
    (source / "R").mkdir(parents=True)
    (source / "DESCRIPTION").write_text(
        "Package: toy\nVersion: 1.0.0\nTitle: Toy\nDescription: Toy.\nLicense: GPL-3\n"
        "Author: A\nMaintainer: A <a@example.com>\n"
    )
    (source / "NAMESPACE").write_text("export(answer)\n")
    (source / "R/toy.R").write_text("answer <- function() 42\n")
    library = folder / "built"
    library.mkdir()
    command = ["R", "CMD", "INSTALL", "--no-docs", f"--library={library}", str(source)]
    subprocess.run(command, check=True, capture_output=True)
    files = [x for x in library.rglob("*") if x.is_file()]
    return {f"lib/R/library/{x.relative_to(library)}": x.read_bytes() for x in files}


def _pack(
    channel: Path, name: str, version: str, files: Files, depends: list[str] | None = None
) -> None:
    """Write a conda package; a path becomes a link to it."""
    index = {
        **{"name": name, "version": version, "build": "0", "build_number": 0},
        **{"depends": depends or [], "subdir": SUBDIR, "timestamp": 1700000000000},
    }
    paths = [_described(path, content) for path, content in files.items()]
    about = {
        "info/index.json": json.dumps(index).encode(),
        "info/paths.json": json.dumps({"paths_version": 1, "paths": paths}).encode(),
        "info/files": "".join(f"{path}\n" for path in files).encode(),
    }
    with tarfile.open(channel / SUBDIR / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for path, content in {**about, **files}.items():
            entry = tarfile.TarInfo(path)
            if isinstance(content, Path):
                entry.type, entry.linkname = tarfile.SYMTYPE, str(content)
                archive.addfile(entry)
            else:
                entry.size, entry.mode = len(content), 0o755
                archive.addfile(entry, io.BytesIO(content))


def _described(path: str, content: bytes | Path) -> dict[str, str]:
    if isinstance(content, Path):
        return {"_path": path, "path_type": "softlink"}
    described = {"_path": path, "path_type": "hardlink"}
    if PLACEHOLDER.encode() in content:
        described |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
    return described
