# DreamTuner: `make demo` shows it at work, `make test` tests it. `make help` lists the rest.

PYTHON ?= python3
# What pip is told about torch. Unless you set it (TORCH_FLAGS='--index-url ...', or TORCH_FLAGS= for pip's default), the
# build follows the machine: with an NVIDIA GPU pip's default, without one PyTorch's CPU build where its index answers.
ifeq ($(origin TORCH_FLAGS), undefined)
TORCH_FLAGS = $$($(PYTHON) deploy/torch_flags.py)
endif
TORCH := $(shell grep '^torch==' constraints.txt)
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile
# the demo needs less than the tests do; both share one environment
DEMO_READY := $(VENV)/.demo-ready
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs-ready
S3_VENV := .venv-s3
S3_READY := $(S3_VENV)/.ready

# Nothing here sends telemetry, and pip prints only errors.
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo dashboard test test-slow test-stack chaos test-ceph check docs docs-links format build pins clean distclean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything in it; quick if it exists

# torch goes first and alone: the rest must find this very release installed and not pull in another.
$(DEMO_READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than Python 3.11: use make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(TORCH_FLAGS) -c constraints.txt $(TORCH)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[method,masks,flows,dashboard,marks]'
	@touch $@

$(READY): $(DEMO_READY)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[all,dev]'
	@touch $@

$(S3_READY): tests/requirements-s3.txt
	$(PYTHON) -m venv $(S3_VENV)
	$(S3_VENV)/bin/pip install --quiet -r $<
	@touch $@

$(DOCS_READY): $(READY)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[docs]'
	@touch $@

demo: $(DEMO_READY) ## run examples/pocket.yaml: references in, a scored contact sheet out
	$(BIN)/dreamtuner run examples/pocket.yaml

dashboard: $(DEMO_READY) ## open the web application over the demo's data
	$(BIN)/dreamtuner dashboard

test: $(READY) $(S3_READY) ## all except the slow tests
	$(PYTEST) -m 'not slow' $(PYTEST_ARGS)

test-slow: $(READY) $(S3_READY) ## the slow tests
	$(PYTEST) -m 'slow and not chaos and not stack' $(PYTEST_ARGS)

test-stack: $(READY) ## build the images and run the compose file, with Docker
	$(BIN)/python -m pytest -s -m stack tests/containers $(PYTEST_ARGS)

chaos: $(READY) $(S3_READY) ## kill workers and servers at random instants, for a long time
	$(BIN)/python -m pytest -m chaos $(PYTEST_ARGS)

test-ceph: $(READY) ## the object store's contract against Ceph's S3 gateway, from Debian's packages
	tests/ceph/run $(abspath $(BIN))/python $(PYTEST_ARGS)

check: $(READY) ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

docs: $(DOCS_READY) ## build the documentation into build/docs; warnings are errors
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -d build/doctrees docs build/docs

docs-links: $(DOCS_READY) ## check every external link in the documentation
	$(BIN)/python -m sphinx --quiet -b linkcheck -d build/doctrees docs build/docs-links

format: $(READY) ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: $(READY) ## build wheel and source archive into dist/
	rm -rf build dist
	$(BIN)/python -m build --no-isolation --outdir dist

pins: $(READY) $(DOCS_READY) ## write what is installed to constraints.txt
	@$(BIN)/pip freeze --all --exclude-editable --exclude pip | sed 's/+[a-z0-9.]*$$//' > $(VENV)/freeze.txt
	@{ grep '^#' constraints.txt; grep '^torch==' $(VENV)/freeze.txt; grep -v '^torch==' $(VENV)/freeze.txt; } \
		> $(VENV)/pins.txt
	@mv $(VENV)/pins.txt constraints.txt
	@touch $(DEMO_READY) $(READY) $(DOCS_READY) # what is pinned is what is installed

clean: ## remove what tools made; keeps .venv and your data
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -path './$(VENV)*' -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## remove the environments too
	rm -rf $(VENV) $(S3_VENV)
