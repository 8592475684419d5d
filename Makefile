# Each target makes the virtual environment that it needs. Another Python: make PYTHON=python3.12 demo

PYTHON ?= python3
BIN := .venv/bin
MAIN := .venv/.installed-main
DEV := .venv/.installed-dev
RUNS ?= $(sort $(wildcard results/*.json))
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile -q

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench raises docs clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(MAIN)  ## weigh a cluster, from simulation to report
	@$(BIN)/zwicky demo

# One thread per process: two processes of many threads each are slower than two of one.
test raises: export OMP_NUM_THREADS := 1

test: $(DEV)  ## all tests
	@$(PYTEST)

lint: $(DEV)  ## style, types, import rules, docstrings
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python tools/check_docstrings.py src

bench: $(MAIN)  ## speed of the parts that cost time
	@$(BIN)/python benchmarks/run.py

raises: export COVERAGE_FILE := build/.coverage
raises: $(DEV)  ## each error message that no test has seen
	@mkdir -p build
	@$(PYTEST) --cov=src/zwicky --cov-report=json:build/coverage.json
	@$(BIN)/python tools/check_raises.py build/coverage.json

docs: $(MAIN)  ## write docs/results.md from the scorecards under results/
	@$(BIN)/zwicky results $(or $(RUNS),$(error no results/*.json; or name scorecards: make docs RUNS=...))

clean:  ## remove the virtual environment, builds and caches; runs stay
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .numba_cache
	find src -name '*.nb[ic]' -delete
	find src tests tools benchmarks examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are touched last, so that an interrupted installation starts again.
$(MAIN): pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(None if (3, 11) <= v <= (3, 12) else "zwicky needs Python 3.11 or 3.12, and $(PYTHON) is %d.%d. " \
	  "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" % v)'
	@echo "installing zwicky into .venv (a few minutes, once)" >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -qq -e .
	@touch $@

$(DEV): $(MAIN)
	@$(BIN)/python -m pip install -qq -e '.[dev]'
	@touch $@
