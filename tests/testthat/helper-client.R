# A real run of a small Python flow, made once for a test file, and the Python that makes it.

client_python <- function() {
  python <- Sys.getenv("GANGWAY_PYTHON")
  testthat::skip_if(!nzchar(python), "GANGWAY_PYTHON is not set")
  python
}

client_flow <- c(
  "from metaflow import FlowSpec, step",
  "class ClientFlow(FlowSpec):",
  "    @step",
  "    def start(self):",
  "        self.items = ['a', 'b']; self.x = 1; self.big = 2**70; self.large = 2**40",
  "        self.keys = {1: 'one'}; self.larges = [2**40, 1]; self.raw = b'ab'",
  "        self.smallest = -2**31; self.early = 'only here'",
  "        print('hello out'); import sys; print('hello err', file=sys.stderr)",
  "        self.next(self.each, foreach='items')",
  "    @step",
  "    def each(self):",
  "        self.y = self.input * 2; self.same = 'same'",
  "        self.next(self.join)",
  "    @step",
  "    def join(self, inputs):",
  "        self.ys = [i.y for i in inputs]; self.none = None",
  "        self.nested = {'a': [1, 2, None], 'b': {'c': 2.5}}",
  "        self.next(self.end)",
  "    @step",
  "    def end(self):",
  "        self.metrics = [0.25, 0.5]; self.text = 'gr\u00fcn'; self.flag = True",
  "if __name__ == '__main__':",
  "    ClientFlow()"
)

failing_flow <- c(
  "from metaflow import FlowSpec, step",
  "class FailingFlow(FlowSpec):",
  "    @step",
  "    def start(self):",
  "        self.x = 1",
  "        self.next(self.end)",
  "    @step",
  "    def end(self):",
  "        raise ValueError('bad luck')",
  "if __name__ == '__main__':",
  "    FailingFlow()"
)

run_python_flow <- function(lines, folder, user = "dev", args = "run") {
  python <- client_python()
  file <- file.path(folder, "flow.py")
  writeLines(enc2utf8(lines), file, useBytes = TRUE)
  processx::run(python, c(file, "--quiet", args),
    wd = folder, error_on_status = FALSE, timeout = 280,
    env = c(
      "current", METAFLOW_USER = user, METAFLOW_HOME = folder,
      METAFLOW_DATASTORE_SYSROOT_LOCAL = folder
    )
  )
}

gang_flow <- c(
  "from metaflow import FlowSpec, current, parallel, step",
  "class GangFlow(FlowSpec):",
  "    @step",
  "    def start(self):",
  "        self.next(self.work, num_parallel=2)",
  "    @parallel",
  "    @step",
  "    def work(self):",
  "        self.node = current.parallel.node_index",
  "        self.next(self.join)",
  "    @step",
  "    def join(self, inputs):",
  "        self.next(self.end)",
  "    @step",
  "    def end(self):",
  "        pass",
  "if __name__ == '__main__':",
  "    GangFlow()"
)
