"""Who sends which signal to whom, and what it becomes.

Ends of a run
  A person presses Ctrl-C in R: R's interrupt in ``run()``, which sends SIGTERM to the run and waits
  (``R/run-process.R``); then 130, and R's interrupt again.
  Anyone sends SIGTERM or SIGHUP to the run: it is Ctrl-C, and `run_end` alone makes it so: SIGINT
  to the run's tasks, KeyboardInterrupt in the run, status 130.
  R is gone: the run notices, and sends itself SIGTERM (`run_end`), unless R has told it to go on.
  A run in the background has a session of its own, which no Ctrl-C in R's terminal reaches. R stops
  it by SIGTERM as R ends (``R/run-job.R``).
  A terminal's Ctrl-C, SIGINT to the run and its tasks: KeyboardInterrupt in each.
  Metaflow ends its tasks after Ctrl-C: it waits 5 s for them, then SIGKILL.

  A task that is a fork of the run's server: its client passes signals on, Ctrl-C and a hangup to
  the task's process group (``warm/client.py``). The server kills the task of a client that is gone
  (``warm/server.py``), and the kernel the tasks of a server that is gone (``warm/task.py``). The
  run kills a server that outlasts it (``warm/start.py``).

What ends a task's code
  SIGINT, SIGTERM, SIGALRM (``@timeout``) while R runs: recorded, R's interrupt, and when R is back
  what Python does with them (`interrupt`); while Python runs that R has called, `Interrupted`.
  The gang is lost: its thread sends SIGURG to the main thread, where the handler raises
  GangLostException (`interrupt`).
  Programs that R waits for meanwhile: SIGINT, 2 s, SIGTERM, 2 s, SIGKILL (`descendants`).
  SIGTERM to a gang's task on a machine of its own, as when a container is stopped: a flag that the
  gang's lifeline looks at, and GangLostException (`eviction`).
  Signals to a child that R has forked: `line.SignalLine` tells them from the task's own, and kills
  the child for SIGINT and SIGTERM; once it has handlers of its own they are the default ones
  (`interrupt.leave_signals_to_system`; on Linux it also dies with its parent: ``engine/fork.py``).

Ends of a gang
  Every process of a node: SIGTERM, 0.3 s, SIGKILL (``gang/machine/processes.py``: there because
  it is what finds them, also for launchers and supervisors, and looks whether they are gone).
  Control, of local worker tasks that outlast a lost gang: SIGKILL (``gang/local_workers.py``: who
  does not reap a child knows that its number is still its own).

  mirai's daemons: SIGKILL from the kernel as their worker ends; SIGTERM that one sends itself when
  mirai is gone, and SIGINT for what mirai cancels (``ray_r/daemons.py`` unblocks it).

Kept from others
  SIGINT and SIGCHLD are the main thread's alone (`threads`; in R sessions ``src/signals.c``).
  ``ray.init()`` takes SIGTERM for itself: it is given back (``ray_r/cluster.py``).
  reticulate takes SIGINT when it starts in a task: it is taken back (`interrupt`).
"""
