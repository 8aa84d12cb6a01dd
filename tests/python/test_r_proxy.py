"""Objects on `current` in R steps: attributes, methods, and exact arguments."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import rflow

# A decorator that puts an object on `current`, as gang decorators do.
DECORATOR = """
from metaflow import current


class Tool:
    size = 3

    def run(self, *args, **named):
        print("GOT", json.dumps([args, named]), [str(a) for a in args], flush=True)
        return self

    def fail(self):
        raise ValueError("it cannot")


current._update_env({"tool": Tool()})
"""
STEP = """list(start = function(self) {
  tool <- current("tool")
  print(tool)
  cat("SIZE", tool$size, "\\n")
  again <- tool$run(
    1L, 2, 2.5, TRUE, "é", NULL, c("-n", "4"), list(lr = 0.1, flag = NULL), list("a"), x = c(a = 1L)
  )
  again$run()
  refused <- list(NA, factor("a"), mean, data.frame(x = 1), 1i, list(a = 1, 2), list(NA_character_))
  for (bad in refused) {
    cat("REFUSED", tryCatch(tool$run(y = bad), error = conditionMessage), "\\n")
  }
  cat("NONE", tryCatch(tool$rum(), error = conditionMessage), "\\n")
  cat("PRIVATE", tryCatch(tool$`__class__`, error = conditionMessage), "\\n")
  cat("FAILED", tryCatch(tool$fail(), error = conditionMessage), "\\n")
})"""


def test_methods_and_arguments(tmp_path: Path) -> None:
    flow = rflow.write_flow(tmp_path, STEP[5:-1], rflow.steps("start", "end"))
    source = flow.read_text().replace('R.call("end", self)', "pass")
    flow.write_text("import json\n" + DECORATOR + source)
    run = subprocess.run(
        [sys.executable, str(flow), "--no-pylint", "run"],
        cwd=tmp_path,
        env=rflow.environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
    )
    log = rflow.log_of(run.stdout, "start")
    assert run.returncode == 0, run.stdout + run.stderr
    assert any("<Python __main__.Tool" in line for line in log) and "SIZE 3" in log
    got = [line.removeprefix("GOT ") for line in log if line.startswith("GOT ")]
    values, text = json.JSONDecoder().raw_decode(got[0])
    assert values == [
        [1, 2.0, 2.5, True, "é", None, ["-n", "4"], {"lr": 0.1, "flag": None}, ["a"]],
        {"x": {"a": 1}},
    ]
    assert got[0][text:].startswith(" ['1', '2', '2.5', 'True', 'é'")
    assert got[1].startswith("[[], {}]")
    refused = [line for line in log if line.startswith("REFUSED")]
    assert len(refused) == 7 and all("Argument `y` cannot be given to Python" in r for r in refused)
    assert "NONE Tool has no 'rum'. Did you mean 'run'?" in log
    assert any(line.startswith("PRIVATE Tool has no '__class__'") for line in log)
    assert "FAILED ValueError: it cannot" in log
