# agentd: every task of the project as one short target. `make` alone lists them.
# Needs: Python 3.11 to 3.13 with venv, make, curl (Debian, Ubuntu: apt-get install python3-venv make curl).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# Deepgram's SDK of the generation before, with which tests talk to the daemon.
SDK4 := .venv-sdk4
# An MCP server from PyPI, and one from npm, that tests call tools of.
MCP_PY := .venv-mcp
MCP_NODE := tests/clients/mcp/node_modules
# Deepgram's JavaScript clients, for the same purpose.
NODE := tests/clients/node/node_modules
UV := $(BIN)/uv
READER_FILES := LICENSE NOTICE swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css
# A real Home Assistant, for tests of its functions; it wants Python 3.13 for itself.
HOME_ASSISTANT := .venv-home-assistant
PYTHON313 ?= $(shell for p in python3.13 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13.*/bin/python; do \
	"$$p" -c '' 2>/dev/null && { echo "$$p"; break; }; done)
NEWER_PYTHONS ?= $(shell for v in 3.12 3.13; do for p in python$$v "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/$$v.*/bin/python; do \
	"$$p" -c '' 2>/dev/null && { echo "$$p"; break; }; done; done)
# The first interpreter that is new enough; PYTHON=/path/to/python overrides it for a new .venv.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
# --isolated: nothing of the machine's pip configuration decides what is installed. PIP_FLAGS= for a company mirror.
PIP_FLAGS ?= --isolated
# The locks are complete, so nothing is resolved; hashes are checked, nothing is compiled from source.
INSTALL := $(UV) pip install --no-deps --require-hashes --only-binary :all: --compile-bytecode
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --only-binary :all: --generate-hashes --no-header --no-annotate $(if $(UPGRADE),--upgrade)

# What is read, typed and tested. Folders that an installation lacks are left out.
CODE := $(wildcard agentd functions bench monitoring tests)
ARGS ?=
# Most tests wait for speech to pass in real time: two processes halve that, file by file, those that wait most first (tests/unit is
# last and small-grained), so that at the end both have something to do. More would disturb what is timed.
WORKERS ?= -n 2 --dist loadfile --no-loadscope-reorder

##@ Use
.PHONY: help
help:  ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.run  ## install everything the daemon needs into .venv

.PHONY: run
run: setup  ## set up, then start the daemon in the foreground (ARGS="--port 0")
	@exec $(BIN)/agentd serve $(ARGS)

.PHONY: demo
demo: setup  ## set up, then hold one spoken conversation by itself (ARGS="--out demo-out")
	@exec $(BIN)/agentd demo $(ARGS)

##@ Change
.PHONY: test
test: $(VENV)/.dev $(SDK4)/.done $(MCP_PY)/.done system $(NODE)/.done $(MCP_NODE)/.done lint layers  ## set up what tests need, then lint, layers, types beside tests
	@$(MAKE) --no-print-directory --jobs 2 types tests

.PHONY: check
check: fmt  ## format, then everything `make test` does
	@$(MAKE) --no-print-directory test

.PHONY: fmt
fmt: $(VENV)/.dev  ## format and repair what can be repaired
	$(BIN)/ruff check --fix-only --quiet $(CODE)
	$(BIN)/ruff format $(CODE)

.PHONY: lint
lint: $(VENV)/.dev  ## ruff: format and rules
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)

.PHONY: types
types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy $(CODE)

.PHONY: layers
layers: $(VENV)/.dev  ## imports point down only
	$(BIN)/lint-imports --no-logo

.PHONY: tests
tests: $(VENV)/.dev  ## pytest alone (ARGS="tests/unit -k door", WORKERS= for one process)
	PATH="$(abspath $(VENV))/system/usr/bin:$$PATH" $(BIN)/python -m pytest $(WORKERS) $(ARGS)

.PHONY: home-assistant
home-assistant: $(VENV)/.dev  ## tests against a real Home Assistant, where there is Python 3.13 (ARGS="-k lock")
ifeq ($(PYTHON313),)
	@echo "home-assistant: no Python 3.13 here, which Home Assistant needs: nothing is tested (PYTHON313=/path/to/python3.13)"
else
	@$(MAKE) --no-print-directory $(HOME_ASSISTANT)/.done
	TEST_HASS=$(abspath $(HOME_ASSISTANT))/bin/hass $(BIN)/python -m pytest --timeout 180 tests/home_assistant $(ARGS)
endif

.PHONY: pythons
pythons: $(VENV)/.dev  ## tests with the newer Pythons that are here (ARGS="tests/unit"; without: unit tests, functions, sessions)
	@for python in $(NEWER_PYTHONS); do \
		venv=.venv-$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
		$(MAKE) --no-print-directory VENV=$$venv PYTHON=$$python $$venv/.dev; \
		PATH="$(abspath $(VENV))/system/usr/bin:$$PATH" $$venv/bin/python -m pytest $(WORKERS) $(or $(ARGS),tests/unit tests/e2e/functions tests/e2e/sessions); \
	done

.PHONY: coverage
coverage: $(VENV)/.dev  ## pytest with branch coverage, processes included
	PATH="$(abspath $(VENV))/system/usr/bin:$$PATH" $(BIN)/python -m coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

.PHONY: generate
generate: $(VENV)/.dev  ## write config.toml and the Grafana dashboard anew from their sources
	$(BIN)/python -m agentd.config.reference
	$(BIN)/python monitoring/dashboard.py

# Its install scripts do not run: one of its dependencies would tell its makers.
.PHONY: reader
reader:  ## fetch the page behind /docs anew (its version: agentd/http/reader/package.json)
	npm ci --prefix agentd/http/reader --ignore-scripts --no-audit --no-fund --silent
	cd agentd/http/reader && cp $(addprefix node_modules/swagger-ui-dist/,$(READER_FILES)) . && rm -rf node_modules

.PHONY: lock
lock: $(VENV)/.bootstrap  ## write the lock files anew (UPGRADE=1 for newer versions)
	$(COMPILE) pyproject.toml --extra local --output-file requirements/run.lock
	$(COMPILE) pyproject.toml --extra local --extra local-whisper --extra mcp --extra mqtt --group dev --output-file requirements/dev.lock
	$(COMPILE) --no-deps requirements/aarch64.in | tee -a requirements/run.lock >> requirements/dev.lock
	$(COMPILE) requirements/bootstrap.in --output-file requirements/bootstrap.lock
	$(COMPILE) requirements/sdk4.in --output-file requirements/sdk4.lock
	$(COMPILE) requirements/mcp-server.in --output-file requirements/mcp-server.lock
	$(UV) pip compile --quiet --python-version 3.13 --generate-hashes --no-header --no-annotate $(if $(UPGRADE),--upgrade) \
		--override requirements/home-assistant.overrides requirements/home-assistant.in --output-file requirements/home-assistant.lock

.PHONY: system
system: $(VENV)/.bootstrap  ## fetch the servers that tests talk to, where apt may
	@tests/system-packages.sh $(VENV)/system

.PHONY: clean
clean:  ## remove .venv, caches and build results
	rm -rf $(VENV) $(SDK4) $(MCP_PY) $(HOME_ASSISTANT) $(NODE) $(MCP_NODE) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist htmlcov .coverage .coverage.* demo-out
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: a step runs again only when what it installs has changed.
$(VENV)/.bootstrap: requirements/bootstrap.lock
	@test -n "$(PYTHON)" || { echo "agentd needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || true). Install one, or: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "setup: virtual environment in $(VENV) ($$($(PYTHON) --version))"
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { echo "no venv module: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip $(PIP_FLAGS) --disable-pip-version-check --quiet install --require-hashes --only-binary :all: -r $<
	@touch $@

$(VENV)/.run: requirements/run.lock pyproject.toml $(VENV)/.bootstrap
	@echo "setup: dependencies and speech models (about 150 MB the first time)"
	@$(INSTALL) --python $(BIN)/python -r $<
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml $(VENV)/.bootstrap
	@echo "setup: dependencies, speech models and development tools"
	@$(INSTALL) --python $(BIN)/python -r $<
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(VENV)/.run $@

$(SDK4)/.done: requirements/sdk4.lock $(VENV)/.bootstrap
	@echo "setup: deepgram-sdk 4 for the tests of older clients, in $(SDK4)"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(SDK4)
	@$(INSTALL) --quiet --python $(SDK4)/bin/python -r $<
	@touch $@

$(MCP_PY)/.done: requirements/mcp-server.lock $(VENV)/.bootstrap
	@echo "setup: an MCP server for the tests, in $(MCP_PY)"
	@$(UV) venv --quiet --clear --python $(BIN)/python $(MCP_PY)
	@$(INSTALL) --quiet --python $(MCP_PY)/bin/python -r $<
	@touch $@

# Not --only-binary: one of its packages has no wheel, and is plain Python.
$(HOME_ASSISTANT)/.done: requirements/home-assistant.lock $(VENV)/.bootstrap
	@echo "setup: Home Assistant for the tests, in $(HOME_ASSISTANT) (about 150 MB the first time)"
	@$(UV) venv --quiet --clear --python $(PYTHON313) $(HOME_ASSISTANT)
	@$(UV) pip install --quiet --no-deps --require-hashes --python $(HOME_ASSISTANT)/bin/python -r $<
	@touch $@

# Without Node.js its clients are left out, as `make system` says; nothing they bring is run while it is installed.
$(NODE)/.done: tests/clients/node/package-lock.json | system
	@echo "setup: Deepgram's JavaScript clients for the tests, in $(NODE)"
	@if command -v npm >/dev/null; then npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --silent && touch $@; fi

$(MCP_NODE)/.done: tests/clients/mcp/package-lock.json | system
	@echo "setup: an MCP server of Node.js for the tests, in $(MCP_NODE)"
	@if command -v npm >/dev/null; then npm ci --prefix $(<D) --ignore-scripts --no-audit --no-fund --silent && touch $@; fi
