"""What Open MPI's two runtimes want to be told: ORTE, of Open MPI 4, and PRRTE, of Open MPI 5.

Both start a daemon on each node with the command that stands where ssh would, and both take nearly
all that they are told from variables.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys

from ..exceptions import LibraryNotFoundException

VERSIONS = (4, 5)
# Containers have often no other user.
_ALLOW_ROOT = {
    f"{runtime}_ALLOW_RUN_AS_ROOT{confirmed}": "1"
    for runtime in ("OMPI", "PRTE")
    for confirmed in ("", "_CONFIRM")
}


def version_of(mpirun: str, where: str) -> int:
    """Return the major version of an mpirun of Open MPI.

    Parameters
    ----------
    mpirun : str
        Its path.
    where : str
        The decorator, step and flow, for the message.

    Raises
    ------
    LibraryNotFoundException
        It is another MPI's, or of a version that gangway does not know.
    """
    result = subprocess.run([mpirun, "--version"], capture_output=True, text=True, check=False)
    headline = (result.stdout + result.stderr).partition("\n")[0].strip()
    found = re.search(r"\(Open MPI\) (\d+)", headline)
    if found is None or int(found[1]) not in VERSIONS:
        raise LibraryNotFoundException(
            f"{where}: {mpirun} is not Open MPI 4 or 5 but says {headline!r}. Install Open MPI "
            "where the step runs, and have its mpirun first on the PATH."
        )
    return int(found[1])


def mpirun_environment(version: int, folder: str, agent: str, local: bool) -> dict[str, str]:
    """Variables for mpirun, which passes its settings on to daemons and ranks.

    Parameters
    ----------
    version : int
        Open MPI's major version.
    folder : str
        Has the list of nodes; mpirun keeps its own files there.
    agent : str
        The command that starts a daemon on a node.
    local : bool
        Whether all nodes share this machine.
    """
    settings = _orte if version == 4 else _prrte
    must, default = settings(os.path.join(folder, "hosts"), agent, local)
    if local:
        default |= {
            "OMPI_MCA_btl_tcp_if_include": "127.0.0.0/8",
            "OMPI_MCA_mpi_yield_when_idle": "1",
        }
    given = {name: value for name, value in default.items() if name not in os.environ}
    return {**tools_path(), **given, **_ALLOW_ROOT, "TMPDIR": folder, **must}


def _orte(hosts: str, agent: str, local: bool) -> tuple[dict[str, str], dict[str, str]]:
    must = {
        "OMPI_MCA_plm": "rsh",
        "OMPI_MCA_plm_rsh_agent": agent,
        # Control starts every daemon, and each stays in the session of its task.
        "OMPI_MCA_plm_rsh_no_tree_spawn": "1",
        "OMPI_MCA_orte_leave_session_attached": "1",
        # From these it is known which rank on which node has said what.
        "OMPI_MCA_orte_tag_output": "1",
        "OMPI_MCA_rmaps_base_display_map": "1",
    }
    default = {"OMPI_MCA_orte_default_hostfile": hosts}
    if local:
        default |= {
            "OMPI_MCA_oob_tcp_if_include": "127.0.0.0/8",
            # Every node would bind its first rank to the machine's first core.
            "OMPI_MCA_hwloc_base_binding_policy": "none",
            "OMPI_MCA_rmaps_base_oversubscribe": "1",
        }
    return must, default


def _prrte(hosts: str, agent: str, local: bool) -> tuple[dict[str, str], dict[str, str]]:
    must = {
        "PRTE_MCA_plm": "ssh",
        "PRTE_MCA_plm_ssh_agent": agent,
        "PRTE_MCA_plm_ssh_no_tree_spawn": "1",
        "PRTE_MCA_display": "map",
    }
    default = {"PRTE_MCA_prte_default_hostfile": hosts}
    if local:  # its daemons do not take the loopback address
        default |= {
            "PRTE_MCA_hwloc_default_binding_policy": "none",
            "PRTE_MCA_rmaps_default_mapping_policy": "slot:oversubscribe",
        }
    return must, default


def mpirun_options(version: int, words: list[str]) -> list[str]:
    """Return the words after ``mpirun``, with those that no variable stands for.

    Parameters
    ----------
    version : int
        Open MPI's major version.
    words : list of str
        The words that the user has given.
    """
    if version == 4:
        return words
    tag = "tag"
    if "--output" in words[:-1]:  # it may stand there once only
        at = words.index("--output")
        tag += "," + words[at + 1]
        words = words[:at] + words[at + 2 :]
    return ["--leave-session-attached", "--output", tag, *words]


def daemon_environment(folder: str) -> dict[str, str]:
    """Variables for a node's daemon of either version, and so for its ranks.

    Nodes that share a machine would take the same names in /tmp and /dev/shm. Ranks that are
    killed leave what they have in TMPDIR, so that is in the folder too.
    """
    return {
        **tools_path(),
        "TMPDIR": folder,
        "OMPI_MCA_orte_tmpdir_base": folder,
        "OMPI_MCA_btl_vader_backing_directory": folder,
        "PRTE_MCA_prte_tmpdir_base": folder,
        "OMPI_MCA_btl_sm_backing_directory": folder,
    }


def check_local(version: int, where: str) -> None:
    """Raise unless nodes that share this machine can be nodes to Open MPI.

    Raises
    ------
    LibraryNotFoundException
        `on_a_host` cannot do what it does.
    """
    if version == 4:
        return
    tried = subprocess.run(
        ["/bin/sh", "-c", on_a_host("a", "true")], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        raise LibraryNotFoundException(
            f"{where}: Open MPI 5 tells nodes by their host names, and nodes that share this "
            f"machine cannot get any ({tried.stderr.strip()}). Allow user namespaces, use Open "
            "MPI 4 here, or run the gang on machines of its own."
        )


def on_a_host(name: str, command: str) -> str:
    """Return what a shell runs for a command to find itself on a host of another name.

    Daemons of Open MPI 5 with the same host name would use the same shared memory, and hang.
    """
    user = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    inside = ["/bin/sh", "-c", f"hostname {shlex.quote(name)} && {command}"]
    return "exec " + shlex.join(["unshare", *user, "--uts", *inside])


def tools_path() -> dict[str, str]:
    """Return a PATH on which ``python`` is the task's own."""
    return {"PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")}
