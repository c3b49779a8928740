# Everything that a newcomer, a developer and CI do. `make` alone lists it.

SHELL := /bin/bash
BIN := .venv/bin
PYTEST := $(BIN)/pytest

.DEFAULT_GOAL := help
.PHONY: help setup setup-test demo test test-unit test-property test-simulation test-system lint format soak wheel hooks clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: ## virtual environment, dependencies and page assets: enough to run Vigie
	@scripts/setup

setup-test: ## the same for development: tests, linters, and the programs that tests run against
	@scripts/setup --test
	@$(BIN)/python scripts/install_components.py

demo: setup ## run Vigie with a shop that breaks; http://127.0.0.1:8080
	@exec $(BIN)/vigie demo

test: setup-test ## every test: units, properties, simulations, then those that start programs
	@$(MAKE) --no-print-directory test-unit test-property test-simulation test-system

# Databases of unit tests lie in memory where that is to be had: a thousand real syncs take a minute.
SHM := $(shell test -d /dev/shm && test -w /dev/shm && echo TMPDIR=/dev/shm)

# Without compiled files each run compiles every module and every test anew, in each process.
test test-unit test-property test-simulation test-system soak: export PYTHONDONTWRITEBYTECODE :=

test-unit: ## what a minute can tell: everything that needs none of the three below
	$(SHM) $(PYTEST) -n 2 -m "not hypothesis and not simulation and not system"

test-property: ## what holds for all that Hypothesis thinks of
	$(SHM) $(PYTEST) -n 2 -m "hypothesis and not simulation and not system"

test-simulation: ## hours of a whole server in simulated time
	$(SHM) $(PYTEST) -n 2 -m simulation

test-system: ## against real programs
	$(PYTEST) -p no:xdist -m system

lint: ## every linter; changes nothing
	@test -x $(BIN)/ruff || scripts/setup --test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: ## put the code into shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

soak: setup-test ## every test with longer runs and many more generated examples
	$(PYTEST) -p no:xdist --soak --timeout=3600

wheel: setup-test ## dist/vigie-*.whl with the page assets in it
	@scripts/wheel dist

hooks: setup-test ## run the linters before every commit
	@$(BIN)/prek install

clean: ## remove what these targets made
	rm -rf .venv .tools dist build node_modules vigie/web/static/vendor
