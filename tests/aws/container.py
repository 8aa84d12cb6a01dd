"""One node's container: namespaces, a copy of the image's files, and the command as process 1."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

from .network import Network

# Docker's own, where a job asks for none.
SHARED_MEMORY_MB = 64

# What is written lies in memory, and goes with the namespace of the mounts. /tmp is empty as in an
# image; the machine's holds the test's own files, which a node must not see.
SET_UP = r"""
set -e
image=$1 place=$2 shared_memory=$3 address=$4 name=$5 binds=$6 bytecode=$7 user=$8 folder=$9
hosts=${10} volumes=${11}
shift 11
image_path=$PATH
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs tmpfs "$place"
cd "$place"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$image,upperdir=upper,workdir=work" root
mount -t proc proc root/proc
mount --rbind /sys root/sys
mount -t tmpfs -o mode=755 tmpfs root/dev
for device in null zero full random urandom tty; do
    : >"root/dev/$device"
    mount --bind "/dev/$device" "root/dev/$device"
done
mkdir root/dev/shm root/dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
ln -s fd/0 root/dev/stdin; ln -s fd/1 root/dev/stdout; ln -s fd/2 root/dev/stderr
mount -t tmpfs -o "mode=1777,size=${shared_memory}m" tmpfs root/dev/shm
mount -t tmpfs -o mode=1777 tmpfs root/tmp
mount -t tmpfs -o mode=755 tmpfs root/run
mkdir -p "root$HOME"
IFS=:
for bind in $binds; do
    mkdir -p "root$bind"
    mount --bind "$bind" "root$bind"
    mount -o remount,bind,ro "root$bind"
done
for volume in $volumes; do
    mkdir -p "root${volume#*=}"
    mount --bind "${volume%%=*}" "root${volume#*=}"
done
unset IFS
mkdir root/run/bytecode
mount --bind "$bytecode" root/run/bytecode
hostname "$name"
printf '127.0.0.1 localhost\n%s %s\n%s' "$address" "$name" "$hosts" >root/etc/hosts
unset OLDPWD
chroot=$(command -v chroot)
PATH=$image_path
exec "$chroot" --userspec="$user:$user" root sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"""


@dataclass
class Image:
    """What every container of a cloud starts from.

    Parameters
    ----------
    root : str
        The folder with its files.
    environment : dict
        The image's ``ENV``.
    user, folder, home : str
        ``USER`` as a number, ``WORKDIR``, and the user's home, which is made where it is missing.
    """

    root: str
    environment: dict[str, str]
    user: str = "0"
    folder: str = "/"
    home: str = "/home/batch"

    @classmethod
    def of_machine(cls) -> Image:
        """The machine's own root with this Python."""
        folder = os.path.dirname(sys.executable)
        path = f"{folder}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": path, "METAFLOW_SKIP_INSTALL_DEPENDENCIES": "1"}
        if "R_LIBS" in os.environ:
            environment["R_LIBS"] = os.environ["R_LIBS"]
        return cls("/", environment)

    def binds(self) -> list[str]:
        """Folders of the machine's image that its root alone does not have, or which /tmp hides."""
        if self.root != "/":
            return []
        used = [sys.prefix, sys.base_prefix, sysconfig.get_paths()["purelib"]]
        used += self.environment.get("R_LIBS", "").split(":")
        device = os.stat("/").st_dev
        hidden = ("/tmp/", "/run/")
        return sorted(
            {
                x
                for x in used
                if os.path.isdir(x) and (os.stat(x).st_dev != device or x.startswith(hidden))
            }
        )


class Container:
    """A container from its start to its end; its output is in the file `log`.

    `name` is its host's, by default as EC2's machines are called; `hosts` are further lines of its
    /etc/hosts, and `volumes` folders of the machine by the paths at which it sees them.
    """

    def __init__(
        self,
        image: Image,
        network: Network,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        shared_memory: int,
        name: str = "",
        hosts: str = "",
        volumes: dict[str, str] | None = None,
    ) -> None:
        self.log = log
        self.place = log.with_suffix(".root")
        self.place.mkdir()
        name = name or "ip-" + network.address.replace(".", "-")
        home = {"HOME": image.home, "HOSTNAME": name, "PYTHONPYCACHEPREFIX": "/run/bytecode"}
        apart = ["nsenter", f"--net=/run/netns/{network.name}", "unshare"]
        apart += ["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
        inside = [image.root, str(self.place), str(shared_memory), network.address, name]
        # Compiled modules are shared: compiling Metaflow takes each new container 1.5 s.
        bytecode = log.parents[1] / "bytecode"
        bytecode.mkdir(exist_ok=True)
        bytecode.chmod(0o777)
        inside += [":".join(image.binds()), str(bytecode), image.user, image.folder, hosts]
        inside += [":".join(f"{folder}={at}" for at, folder in (volumes or {}).items()), *command]
        with open(log, "wb") as output:
            self._process = subprocess.Popen(
                [*apart, "sh", "-c", SET_UP, "sh", *inside],
                env={**image.environment, **home, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
            )

    def signal(self, number: int) -> None:
        """Signal the container's process 1, as Docker does."""
        parent = self._process.pid
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
                os.kill(int(pid), number)

    def stop(self, grace: float) -> None:
        """SIGTERM, some time, SIGKILL."""
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self._process.poll() is None:
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
            time.sleep(0.05)

    def wait(self) -> int:
        """Wait for the end and give the exit code, as Docker counts: 137 for SIGKILL."""
        status = self._process.wait()
        self.place.rmdir()
        return status if status >= 0 else 128 - status
