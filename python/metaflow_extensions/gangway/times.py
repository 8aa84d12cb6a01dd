"""How long who waits, in seconds, where one wait must outlast another; `OUTLASTS` says which.

Waits that nothing else depends on (how often something looks, say) stand where they are used.
"""

from __future__ import annotations

# -- A node stops: its processes get SIGTERM, and after STOP_GRACE SIGKILL until none is left.
STOP_GRACE = 0.3
STOP_KILL = 5.0
STOP_NODE = STOP_GRACE + STOP_KILL
# How often launchers look whether their task is there, and tasks what the lifeline has for them.
WATCH = 0.2
TICK = 0.05

# -- The lifeline: silence after which a node counts as lost, the longest from one beat to the next,
# and how long a read or write of a message may take.
HEARTBEAT = 60
BEAT = 5.0
MESSAGE = 10
# What workers have said before their ends is read within this time.
LAST_WORDS = 3.0
# How long nodes get to come together: on one machine, and where each may have an image to pull.
MEET_HERE = 90
MEET_REMOTE = 600

# -- The gang is lost, or the code has ended. The code gets CODE_ENDS after its interrupt; programs
# that R waits for get SIGINT, SIGTERM and SIGKILL after PROGRAMS_END.
CODE_ENDS = 5.0
PROGRAMS_END = (0.0, 2.0, 4.0)
# Control disconnects from the cluster, waits for the workers' nodes, and for their local tasks.
DISCONNECT = 2.0
NODES_DOWN = 6.0
TASKS_END = 3.0
GANG_ENDS = CODE_ENDS + DISCONNECT + STOP_NODE + NODES_DOWN
# What a program has printed is read to its end, unless something holds the pipe open.
DRAIN = 2.0
# Open MPI's daemons end when mpirun tells them; then they are stopped, each with its ranks.
DAEMONS_LEAVE = 1.0
DAEMONS_STOP = 8.0
# A node that Batch says has failed is for control to notice; after so long the job is ended.
BATCH_PATIENCE = 25.0

# -- The run. How often it looks whether R is there, and how long R waits for it after a Ctrl-C.
PARENT = 0.5
RUN_ENDS = 15.0  # patience_s in R/run-process.R
LEFT_BEHIND = 10.0  # left_behind_s there: for what a run that somebody has killed has left

# -- Not ours: when Metaflow kills tasks after Ctrl-C, and the containers' managers a container.
METAFLOW_KILLS = 5.0
CONTAINER_KILLED = 30.0


def beat(heartbeat_timeout: float) -> float:
    """How often each side of the lifeline says that it is there."""
    return min(BEAT, heartbeat_timeout / 4)


# What must outlast what: the sentence, the longer and the shorter time.
OUTLASTS = (
    ("Control waits longer for a worker's node than the node may take to stop.",
     NODES_DOWN, STOP_NODE),
    ("mpirun's end waits longer for the daemons than a node takes to stop one, and its output.",
     DAEMONS_STOP, STOP_NODE + DRAIN),
    ("Programs that R waits for are killed, so that R returns, before its task is killed for that.",
     CODE_ENDS, PROGRAMS_END[-1]),
    ("They are killed before Metaflow kills the task after a Ctrl-C, too.",
     METAFLOW_KILLS, PROGRAMS_END[-1]),
    ("A local worker whose code does not end ends itself before control kills it.",
     NODES_DOWN + TASKS_END, CODE_ENDS + STOP_GRACE),
    ("One or two lost beats, or a slow message, are no lost node.", HEARTBEAT, 2 * BEAT + MESSAGE),
    ("A gang whose node is told to end has ended before its container is killed.",
     CONTAINER_KILLED, GANG_ENDS),
    ("Control has ended a gang that lost a node before who submitted the job ends it.",
     BATCH_PATIENCE, GANG_ENDS),
    ("What a killed run has left, launchers too, ends by itself before R kills it.",
     LEFT_BEHIND, TICK + STOP_NODE + WATCH),
    ("R waits longer for a run than Metaflow for its tasks, and tasks for their node.",
     RUN_ENDS, METAFLOW_KILLS + STOP_NODE),
)  # fmt: skip
