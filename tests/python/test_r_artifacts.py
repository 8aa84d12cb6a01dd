"""Every kind of R object through one real flow: a step, a foreach branch, a join, a resumed run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rflow import ROOT, environment, log_of, steps, write_flow

if shutil.which("Rscript") is None:
    pytest.skip("R is not installed", allow_module_level=True)
pytest.importorskip("rpy2.rinterface_lib", reason="rpy2-rinterface is not installed")

ROBJECTS = Path(__file__).resolve().parent / "robjects"
TIDYMODELS = ROOT.parent / "shared" / "data" / "tidymodels_objects.rds"

SOURCE = f"for (f in c('zoo.R', 'compare.R')) sys.source(file.path('{ROBJECTS}', f), globalenv())"

FUNCTIONS = f"""
start = function(self) {{
  {SOURCE}
  kinds <- available_zoo()
  for (name in names(kinds)) self[[name]] <- kinds[[name]]()
  if (file.exists('{TIDYMODELS}')) self$tidymodels <- readRDS('{TIDYMODELS}')
  self$branches <- c(a = 1, b = 2)
}},
each = function(self) {{
  {SOURCE}
  report('in a branch', function(name) self[[name]])
  self$was <- self$input
}},
join = function(self, inputs) {{
  {SOURCE}
  merge_artifacts(self, inputs, exclude = 'was')
  self$was <- unlist(gather_inputs(inputs, 'was'))
  report('after the join', function(name) self[[name]])
}},
end = function(self) {{
  {SOURCE}
  report('at the end', function(name) self[[name]])
  if (file.exists('{TIDYMODELS}')) {{
    cat('tidymodels:', is_same(self$tidymodels, readRDS('{TIDYMODELS}')), '\\n')
  }}
  stopifnot(identical(self$was, c(1, 2)))
  if (!file.exists('go on')) stop('the first time')
  if (requireNamespace('data.table', quietly = TRUE)) {{
    options(warn = 2)
    self$zoo_data_table_data_table[, more := a]
    self$zoo_data_table_nested_data_tables$deep[[1]][, more := 1]
    cat('by reference:', self$zoo_data_table_data_table$more, '\\n')
  }}
}}
"""

STEPS = """
    @step
    def start(self):
        R.call("start", self)
        self.next(self.each, foreach="branches")

    @step
    def each(self):
        R.call("each", self)
        self.next(self.join)

    @step
    def join(self, inputs):
        R.call("join", self, inputs)
        self.next(self.end)

    @step
    def end(self):
        R.call("end", self)
"""

CLIENT = """
library(gangway)
set_metadata(paste0('local@', getwd()))
set_default_namespace()
for (f in c('zoo.R', 'compare.R')) source(file.path('{robjects}', f))
runtime <- new.env()
core <- '{core}'
for (f in c('serializable.R', 'unserializable.R', 'restore.R')) {{
  sys.source(file.path(core, 'shared', f), runtime)
}}
sys.source(file.path(core, 'task', 'same-contents.R'), runtime)
merge_artifacts <- with(runtime, function() NULL)
environment(merge_artifacts) <- runtime
run <- flow_client$new('TaskFlow')$run('{run}')
start <- step_client$new(run, 'start')
task <- task_client$new(start, start$a_task) # a resumed run numbers its tasks as they come
report('in the client', function(name) task$artifact(name))
"""


def run(flow: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(flow), *args],
        cwd=flow.parent,
        env={**environment(flow.parent), "TZ": "UTC"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=550,
    )


def test_every_kind_passes_through_a_flow_and_its_resumed_run(tmp_path: Path) -> None:
    flow = write_flow(tmp_path, FUNCTIONS, STEPS)
    first = run(flow, "run")
    assert "the first time" in first.stdout, first.stdout
    for where, times in [("in a branch", 2), ("after the join", 1), ("at the end", 1)]:
        found = re.findall(rf"{where} : +(\d+)  kinds, changed: (.*)", first.stdout)
        assert len(found) == times, first.stdout
        assert all(int(n) > 60 and changed.strip() == "none" for n, changed in found), found
    if TIDYMODELS.exists():
        assert "tidymodels: TRUE" in first.stdout
    (tmp_path / "go on").touch()
    second = run(flow, "resume")
    assert second.returncode == 0, second.stdout
    assert re.search(r"at the end : +\d+  kinds, changed:  none", second.stdout), second.stdout
    run_id = re.search(r"run-id (\d+)", second.stdout)
    assert run_id
    code = CLIENT.format(
        robjects=ROBJECTS,
        core=ROOT / "python" / "metaflow_extensions" / "gangway" / "runtime",
        run=run_id[1],
    )
    installed = subprocess.run(["Rscript", "-e", "library(gangway)"], capture_output=True)
    if installed.returncode:
        pytest.skip("the R package gangway is not installed: not looked at by its client")
    client = subprocess.run(
        ["Rscript", "-e", code],
        cwd=tmp_path,
        env={**environment(tmp_path), "TZ": "UTC", "GANGWAY_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert re.search(r"kinds, changed:  none", client.stdout), client.stdout + client.stderr


RANDOM = {
    "start": """
      one <- random_objects({seed}, {n})
      for (i in seq_along(one)) self[[paste0('x', i)]] <- one[[i]]
      self$several <- random_objects({seed} + 1, {n})
    """,
    "end": """
      check <- function(seed, get) {{
        fresh <- random_objects(seed, {n})
        wrong <- which(!vapply(seq_along(fresh), function(i) is_same(get(i), fresh[[i]]), NA))
        others <- vapply(seq_along(fresh)[-1], function(i) is_same(get(i - 1), fresh[[i]]), NA)
        told_apart <- sum(!others) > 0.5 * {n}
        cat('seed', seed, 'objects', {n}, 'told apart', told_apart, 'wrong:', wrong, '\\n')
        for (i in utils::head(wrong, 3)) {{ utils::str(fresh[[i]]); utils::str(get(i)) }}
      }}
      check({seed}, function(i) self[[paste0('x', i)]])
      several <- self$several
      check({seed} + 1, function(i) several[[i]])
    """,
}


@pytest.mark.parametrize(
    ("seed", "number"), [(1, 300), pytest.param(20261, 1200, marks=pytest.mark.faults)]
)
def test_random_nested_objects_come_back_to_the_bit(tmp_path: Path, seed: int, number: int) -> None:
    load = "".join(
        f"sys.source('{ROBJECTS / name}', globalenv()); " for name in ("compare.R", "random.R")
    )
    functions = ",".join(
        f"{step} = function(self) {{ {load} {code.format(seed=seed, n=number)} }}"
        for step, code in RANDOM.items()
    )
    result = run(write_flow(tmp_path, functions, steps("start", "end")), "run")
    assert result.returncode == 0, result.stdout
    for told in (seed, seed + 1):
        line = f"seed {told} objects {number} told apart TRUE wrong:"
        found = [text for text in log_of(result.stdout, "end") if text.startswith(line)]
        assert [text.strip() for text in found] == [line], result.stdout
