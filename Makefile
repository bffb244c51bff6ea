# Everything runs in .venv, made when first needed and again when pyproject.toml changes.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL: # one environment, one installer
.PHONY: help demo test check bench docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/.runtime ## run the reference metrics on generated data
	@$(BIN)/cxgov demo

test: .venv/.dev ## run the tests
	@$(BIN)/pytest -n 2 --dist loadfile

check: .venv/.dev ## lint, format, types, layers, workflows, tests: all that CI asks
	@echo "ruff check" && $(BIN)/ruff check --quiet .
	@echo "ruff format" && $(BIN)/ruff format --quiet --check .
	@echo "mypy" && $(BIN)/mypy --no-error-summary
	@echo "lint-imports" && $(BIN)/lint-imports --no-logo
	@echo "zizmor" && $(BIN)/zizmor --offline --quiet --persona auditor .github/workflows
	@$(MAKE) --no-print-directory test

bench: .venv/.dev ## measure
	@$(BIN)/python -m bench

docs: .venv/.dev ## write the generated pages of docs/
	@$(BIN)/python docs/generate.py

clean: ## remove what the other targets wrote (the next one refreshes .venv)
	@rm -rf build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache metrics/.demo .venv/.dev .venv/.runtime
	@find . -path ./.venv -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@echo "making .venv"
	@$(PYTHON) -m venv .venv

# What a user installs.
.venv/.runtime: pyproject.toml | $(BIN)/python
	@echo "installing cxgov"
	@$(PIP) install -e .
	@touch $@

# What a developer needs as well. pip reads dependency groups since 25.1.
.venv/.dev: pyproject.toml | $(BIN)/python
	@echo "installing cxgov with its extras and tools"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install -e '.[postgres,arrow,fast]' --group dev
	@touch .venv/.runtime $@
