# Every target sets up what it needs: a fresh machine needs only make and Python 3.11 or later.
PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt
FAST := not gpu and not slow and not claims

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types docs claims bench coverage clean

help: ## Print this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

demo: $(VENV)/.demo ## Run the demonstration; its report is written to demo_report/
	$(RUN) -m modpart.demo --out demo_report

test: $(VENV)/.dev ## Run the tests and the examples in docstrings (minutes; no GPU, no slow tests)
	$(RUN) -m pytest -m "$(FAST)"

claims: $(VENV)/.dev ## Run the slow tests, claims of the papers at full size included
	$(RUN) -m pytest -m "(slow or claims) and not gpu"

coverage: $(VENV)/.dev ## Run the fast tests and print the lines that none of them reaches
	$(RUN) -m pytest -m "$(FAST)" --cov --cov-report=term-missing

lint: $(VENV)/.dev ## Check style and format
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(VENV)/.dev ## Put all files in format, mend what can be mended
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

types: $(VENV)/.dev ## Check the type hints
	$(RUN) -m mypy

docs: $(VENV)/.dev ## Build the documentation into docs/_build/html, warnings as errors
	$(RUN) -m sphinx -b html -W --keep-going -q docs docs/_build/html

bench: $(VENV)/.dev ## Run every benchmark; each rewrites its table in docs/benchmarks/
	@set -e; for script in benchmarks/bench_*.py; do \
	  test -e "$$script" || { echo "There are no benchmarks yet."; break; }; \
	  echo "$$script"; $(RUN) "$$script" --write; \
	done

clean: ## Remove the environment and everything that was built
	rm -rf $(VENV) demo_report build dist docs/_build docs/api docs/gallery docs/sg_execution_times.rst
	rm -rf .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "modpart needs Python 3.11 or later, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one, for example: make PYTHON=python3.12 test"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "'$(PYTHON) -m venv' failed; see above what is missing."; exit 1; }

$(VENV)/.demo: pyproject.toml constraints.txt | $(RUN)
	$(PIP) -e ".[plot]"
	@touch $@

# The environment for work holds all that the demonstration needs.
$(VENV)/.dev: pyproject.toml constraints.txt | $(RUN)
	$(PIP) -e ".[dev]"
	@touch $@ $(VENV)/.demo
