# What a developer, CI and a curious user run. docs/setup.md tells what each sets up, and where.
#   make demo                                     set up, then tune random forests on a Ray cluster of two nodes
#   make run FLOW=my/flow.R ARGS="run --alpha 1"  any R flow in the project's environment
#   make test | lint | bench                      all that CI checks | only the linters | the benchmarks
#   make quick                                    the tests that start no process, in both languages: under a minute
#   make coverage                                 how many lines these run, by room; SCOPE=all: what `make test` runs
#   make test-newest                              the suite's core on Debian sid, with the newest Metaflow, Ray, rpy2
#   make test-oldest-ray                          Ray's tests with the oldest Ray that is supported, in an environment of its own
#   make test-cases                               every case of docs/cases.md by every door, which takes some 20 minutes
#   make test-examples                            the gallery's flows, cards in a browser, and whether what the examples of
#                                                 all installed packages make can be read: an hour
#   make test-faults                              the long part of the fault matrix, which takes some 40 minutes
#   make test-all                                 these and test, with DeepSpeed and TensorFlow (2 GB) installed
#   make test-image                               the image, built and run for real: root, buildah, 15 minutes the first time
#   make test-cloud IMAGE=... [GANG=1]            flows on the AWS Batch of your own account: says the cost, asks, removes all
#   make clean                                    remove what was set up (runs in .metaflow stay)
# PYTHON=python3.13 chooses the Python that the virtual environment is made from.
#
# Every pytest test has one of the markers unit, process, cluster and cloud, by a rule (tests/conftest.py); `faults` and
# `image` are given by hand to what takes minutes or is more of a kind, and is left to test-faults and test-image.
# `make quick` runs `unit`, and the files of testthat that name nothing which starts a process (scripts/quick.sh). One's own
# choice: scripts/env.sh env -u GANGWAY_PYTHON PYTHONPATH=$PWD/python .venv/bin/python -m pytest tests/python -m cluster

SHELL := /bin/bash
DEMO := inst/examples/tune_diamonds.R
export PYTHON

.PHONY: demo run test quick coverage test-cases test-examples test-faults test-image test-cloud bench test-newest test-oldest-ray test-all lint clean setup setup-dev setup-frameworks

demo: setup
	@scripts/env.sh Rscript $(DEMO) run

run: setup
	@test -n "$(FLOW)" || { echo 'usage: make run FLOW=path/to/flow.R ARGS="run --alpha 1"'; exit 2; }
	@scripts/env.sh Rscript $(FLOW) $(or $(ARGS),run)

test: setup-dev
	@scripts/test.sh

quick: setup-dev
	@scripts/test.sh quick

coverage: setup-dev
	@scripts/coverage.sh $(SCOPE)

lint: setup-dev
	@scripts/lint.sh

bench: setup-dev
	@scripts/bench.sh

test-faults: setup-dev
	@scripts/env.sh env PYTHONPATH=$(CURDIR)/python .venv/bin/python -m pytest tests/python tests/aws -q -rs -m faults

test-cases: setup-dev
	@GANGWAY_CASES=$(or $(CASES),.) scripts/env.sh Rscript --vanilla scripts/testthat.R .setup/cases.txt test-cases.R test-ray-soak.R test-ray-ends.R

test-examples: setup-dev
	@NOT_CRAN=true GANGWAY_EXAMPLES=all scripts/env.sh Rscript --vanilla scripts/testthat.R .setup/examples.txt test-examples.R test-card-browser.R
	@GANGWAY_EXAMPLES=all scripts/env.sh env PYTHONPATH=$(CURDIR)/python .venv/bin/python -m pytest tests/python/test_r_examples.py tests/python/test_r_kept.py -q -rs

test-image:
	@scripts/setup.sh image
	@scripts/env.sh env PYTHONPATH=$(CURDIR)/python .venv/bin/python -m pytest tests/aws/test_image.py tests/aws/test_conda.py -q -rs -m image

test-cloud: setup-dev
	@test -n "$(IMAGE)" || { echo 'usage: make test-cloud IMAGE=123456789012.dkr.ecr.REGION.amazonaws.com/gangway:TAG [GANG=1]'; exit 2; }
	@scripts/env.sh .venv/bin/python scripts/cloud.py --image "$(IMAGE)" $(if $(GANG),--gang)

test-newest:
	@NEWEST=releases scripts/root.sh sid scripts/test.sh core

test-oldest-ray: setup-dev
	@scripts/oldest-ray.sh $(FILES)

test-all: setup-frameworks
	@$(MAKE) --no-print-directory test test-cases test-examples test-faults test-oldest-ray test-newest

setup:
	@scripts/setup.sh run

setup-frameworks:
	@scripts/setup.sh frameworks

setup-dev:
	@scripts/setup.sh dev

clean:
	@scripts/clean.sh
