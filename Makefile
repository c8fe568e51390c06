# Everything a person types. `make help` lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed
DATA   ?= .berth
PORT   ?= 8080
ORG_PORT ?= 9090
# Each process has a PostgreSQL and a NATS of its own, and waits for a third of its time:
# so there is one more than there are cores.
PROCESSES := $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() + 1))')
IN_PARALLEL := -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

# A test starts many interpreters. Where they may not keep what they compiled, each of
# them compiles all of Berth, and each process of pytest all of the tests.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install up org test types compiled bench faults contract fmt clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

install: $(READY) ## the virtual environment, with everything in it

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Berth needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

up: $(READY) ## run Berth here, with its own PostgreSQL and NATS (DATA=.berth PORT=8080)
	@$(BIN)/berth up --data-dir $(DATA) --port $(PORT)

org: $(READY) ## a made-up Salesforce org to try Berth with (ORG_PORT=9090)
	@$(BIN)/python -m tests.support.fake_org --port $(ORG_PORT)

test: $(READY) ## lint, types, architecture and every test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs 2 types compiled
	$(BIN)/pytest $(IN_PARALLEL)

types: $(READY)
	$(BIN)/mypy

# By one process, while the types are looked at. Or each process of the tests does it.
compiled: $(READY)
	@$(BIN)/pytest --collect-only -qqq > $(VENV)/$@ || { cat $(VENV)/$@; exit 1; }

bench: $(READY) ## the table of what Berth reaches on this machine
	$(BIN)/python -m tests.bench

faults: $(READY) ## kill everything under load for a quarter of an hour, then check every promise
	$(BIN)/python -m tests.faults
	$(BIN)/python -m tests.faults.tasks

contract: $(READY) ## everything that the API document allows or forbids, for minutes
	BERTH_CONTRACT_TIMES=30 $(BIN)/pytest tests/contract --timeout=3600

fmt: $(READY) ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## forget the virtual environment and the caches; data stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
