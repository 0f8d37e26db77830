# Everything a newcomer needs: `make demo`, `make test`. Everything CI needs: `make ci`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
OUT ?= out/demo
# Without bytecode every start of Beam costs 2.7 s more.
export PYTHONDONTWRITEBYTECODE :=
# One thread a process: the products are small, and idle BLAS threads cost more than they give.
export OPENBLAS_NUM_THREADS := 1
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help setup kernel demo live test ci lint types derived readers peers infra prove mutants bench bench-quick lock clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: .venv/.installed ## Make the virtual environment from the lock file

.venv/.installed: requirements-bootstrap.lock requirements-dev.lock pyproject.toml $(wildcard */kernel/*.pyx */kernel/*.pxi)
	@echo "Setting up .venv (once): packages ..."
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 13) else "Nextbeam needs Python 3.11 or 3.12, this is %d.%d; set PYTHON=/path/to/python3.11" % v)'
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@$(BIN)/uv pip install --quiet --native-tls --python $(BIN)/python --compile-bytecode --require-hashes -r requirements-dev.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@echo "Setting up .venv (once): compiling parts of the decision, where there is a C compiler; this takes longest ..."
	@DIST_EXTRA_CONFIG="$(CURDIR)/scripts/kernel/parallel.cfg" $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

kernel: .venv/.installed ## Compile the kernel anew after a change to it
	@$(BIN)/python -W ignore -c 'from setuptools import setup; setup()' --quiet build_ext --parallel 2 --build-lib build/kernel
	@# Renamed into place, whole: processes that run have the old one mapped, others may be starting.
	@cd build/kernel && find . -name '*.so' | while read -r built; do \
	  cmp -s "$$built" "../../$$built" || { cp "$$built" "../../$$built.new" && mv -f "../../$$built.new" "../../$$built"; } || exit 1; done

demo: setup ## Decide a sample day of a bank and show what came of it
	@$(BIN)/nextbeam demo --out "$(OUT)"

test: setup ## Run all tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## Check format and style
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: setup ## Check types
	@$(BIN)/mypy

derived: setup ## Check that derived files are what contracts, plan language, metrics and drawings say
	@$(BIN)/python -m schemas.derive --check
	@$(BIN)/python -m models.plan.schema --check
	@$(BIN)/python -m pipelines.observability.documents --check
	@$(BIN)/python -m docs.diagrams --check

readers: setup .venv-readers/.installed ## Install the tools of others that tests let read our exports

.venv-readers/.installed: tests/conformance/requirements-pdstools.lock tests/conformance/requirements-obp.lock tests/conformance/obp.lock
	@echo "Setting up .venv-readers (once) ..."
	@for name in pdstools obp; do \
	  $(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-readers/$$name && \
	  $(BIN)/uv pip install --quiet --native-tls --python .venv-readers/$$name/bin/python --require-hashes -r tests/conformance/requirements-$$name.lock || exit 1; done
	@$(BIN)/uv pip install --quiet --native-tls --python .venv-readers/obp/bin/python --no-deps --require-hashes -r tests/conformance/obp.lock
	@touch $@

peers: setup .venv-peers/.installed ## Install the engines that `make bench` compares us with

.venv-peers/.installed: $(wildcard benchmarks/decide50/peers/requirements-*.lock)
	@echo "Setting up .venv-peers (once) ..."
	@for name in beam bytewax pathway; do \
	  $(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-peers/$$name && \
	  $(BIN)/uv pip install --quiet --native-tls --python .venv-peers/$$name/bin/python --compile-bytecode --require-hashes -r benchmarks/decide50/peers/requirements-$$name.lock || exit 1; done
	@touch $@

infra: setup .venv-infra/.installed ## Install the tools that check terraform/, the image and the build without a cloud

.venv-infra/.installed: tests/infrastructure/requirements-tools.lock tests/infrastructure/requirements-checkov.lock
	@echo "Setting up .venv-infra (once) ..."
	@for name in tools checkov; do \
	  $(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-infra/$$name && \
	  $(BIN)/uv pip install --quiet --native-tls --python .venv-infra/$$name/bin/python --require-hashes -r tests/infrastructure/requirements-$$name.lock || exit 1; done
	@touch $@

live: setup ## See a whole bank live, on a page of this machine: make live ARGS="--rate 50"
	@$(BIN)/nextbeam live $(ARGS)

servers: setup ## Install the servers that run beside the pipeline here: emulators of Pub/Sub and BigQuery
	@$(BIN)/python -m pipelines.local

prove: setup ## Attack the folds with random histories: make prove ARGS="--seeds 1000000"
	@PYTHONPATH=tests $(BIN)/python -m delivery $(ARGS)

mutants: setup ## Plant faults in the code and see that tests find them: make mutants ARGS="--part 1/8", or "--only volumes"
	@PYTHONPATH=tests $(BIN)/python -m mutants.hunt $(ARGS)

ci: lint types derived readers infra servers test ## Everything that guards the project

bench: setup ## Measure events per CPU second beside other ways to do the same job
	@$(BIN)/python -m benchmarks.decide50 $(ARGS)

bench-quick: setup ## A short run that fails on a lost ratio, as CI does it
	@$(BIN)/python -m benchmarks.decide50 --quick $(ARGS)

lock: ## Resolve the dependencies anew
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml -o requirements.lock
	@$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -c requirements.lock --extra dev pyproject.toml -o requirements-dev.lock
	@sed -n -e '/^cython==/,/[^\\]$$/p' -e '/^setuptools==/,/[^\\]$$/p' requirements-dev.lock > deploy/requirements-build.lock
	@cd pipelines/local && grep '^duckdb==' requirements-bigquery.in | ../../$(BIN)/uv pip compile -q --native-tls --upgrade --universal --python-version 3.13 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --override - requirements-bigquery.in -o requirements-bigquery.lock
	@for name in beam bytewax pathway; do \
	  $(BIN)/uv pip compile -q --native-tls --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate benchmarks/decide50/peers/requirements-$$name.in -o benchmarks/decide50/peers/requirements-$$name.lock || exit 1; done

clean: ## Remove what was made here
	@rm -rf .venv .venv-readers .venv-peers .venv-infra .venv-bigquery out .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build
