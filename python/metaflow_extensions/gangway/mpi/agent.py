"""What mpirun runs instead of ssh: ``agent SOCKET HOST COMMAND...``.

It asks the control task to start Open MPI's daemon on a node, over the gang's own connection, stays
until the daemon has ended, and ends with its status. It needs the standard library alone and starts
in 20 ms.
"""

import json
import socket
import sys


def main() -> None:
    """Hand the words of a command line to the task's process, and end as what it starts does."""
    path, host, *words = sys.argv[1:]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        # As ssh does it: the words are one line for the shell of the other side.
        sock.sendall(json.dumps({"host": host, "command": " ".join(words)}).encode() + b"\n")
        status = sock.makefile().read()
    sys.exit(int(status or 1))


if __name__ == "__main__":
    main()
