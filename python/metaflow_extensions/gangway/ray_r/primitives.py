"""The functions of `Driver` that R calls, in a task and in a session."""

PRIMITIVES = (
    "add_job",
    "drop_jobs",
    "is_near",
    "lacking",
    "submit",
    "submit_many",
    "shared",
    "stage",
    "put",
    "wait",
    "fetch",
    "release",
    "cancel",
    "make_actor",
    "call_actor",
    "cpus",
    "nodes",
    "resources",
    "send_condition",
    "take_conditions",
)
