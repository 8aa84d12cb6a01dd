"""The gang core alone, `parallel` with the lifeline: from the last node's start to user code.

A node starts when Metaflow hands its task to the decorator. The end is from the last code's end to
Metaflow's word that the task has finished; plain `@parallel` shows how much of it is Metaflow's.

    python tests/bench/bench-gang-core.py [rounds]
"""

from __future__ import annotations

import statistics
import sys
import tempfile

from gang_clock import log_time, moments, run_flow, verdict
from table import row

FORM_GOAL, END_GOAL = 0.2, 0.2

IMPORTS = """
from functools import partial
from metaflow.decorators import _base_step_decorator
from metaflow_extensions.gangway.gang.programs.agents import AgentNode
from metaflow_extensions.gangway.gang.decorator import GangDecorator

class CoreNode(AgentNode):
    def prepare(self):
        print("STARTED", time.time(), flush=True)

class CoreDecorator(GangDecorator):
    name, folder, node_class = "core", "mf.core", CoreNode

core = partial(_base_step_decorator, CoreDecorator)
"""


def to_end(said: str) -> float:
    return log_time(said, "Task finished successfully") - max(moments(said, "ENDS"))


def main(rounds: int) -> int:
    """Print medians; return 1 when one is beyond its limit."""
    formed, ended, plainly = [], [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            plain = to_end(run_flow(folder, "parallel", "pass", "from metaflow import parallel"))
            said = run_flow(folder, "core", "pass", IMPORTS)
        formed.append(max(moments(said, "USER")) - max(moments(said, "STARTED")))
        ended.append(to_end(said))
        plainly.append(plain)
        figures = (
            f"form {formed[-1]:.3f} s, end {ended[-1]:.2f} s, of plain @parallel {plain:.2f} s"
        )
        print(f"round {number + 1}: {figures}", flush=True)
    met = [
        verdict("core-form-seconds", formed, FORM_GOAL),
        verdict("core-end-seconds", ended, END_GOAL),
    ]
    middle = statistics.median
    row(
        *(
            "core-form",
            "gangway's part of a gang's start, from the last node's to the user's code",
        ),
        *(middle(formed), "s"),
        most=FORM_GOAL,
    )
    row(
        *("core-end", "a gang of 2 without a framework, from its code's end to the task's"),
        *(middle(ended), "s", "plain @parallel", middle(plainly)),
        most=END_GOAL,
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5))
