"""A flow whose runs share some of what they store: included files, artifacts, logs."""

import time
from pathlib import Path

from metaflow import FlowSpec, IncludeFile, Parameter, step


class OldRuns(FlowSpec):
    kind = Parameter("kind", default="plain")
    notes = IncludeFile("notes", default="notes.txt")

    @step
    def start(self):
        self.shared = list(range(1000))
        self.own = [self.kind] * 1000
        print("started", self.kind)
        self.next(self.end)

    @step
    def end(self):
        if Path("fail").exists():
            raise ValueError("told to")
        if Path("wait").exists():
            print("waiting", flush=True)
        while Path("wait").exists():
            time.sleep(0.1)


if __name__ == "__main__":
    OldRuns()
