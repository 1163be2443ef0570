# Segin: make run serves a demonstration, make test runs all tests. Python 3.11 or newer; nothing else is needed.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
STAMP_DEV := .venv/.installed-dev

.PHONY: help setup run test check bench generate requirements clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## make .venv with the pinned packages; .venv/bin/segin then exists

$(STAMP): requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(STAMP_DEV): $(STAMP) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

run: $(STAMP) ## serve Segin at http://127.0.0.1:8080/
	$(BIN)/segin serve

test: $(STAMP_DEV) ## all tests, on SQLite and on a real PostgreSQL
	$(BIN)/python -m pytest -n 3 --dist loadgroup

check: $(STAMP_DEV) ## types, lint, import contracts, editors' files and talks
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(BIN)/segin check

bench: $(STAMP_DEV) ## turns a second through the web chat's own address
	$(BIN)/python -m tests.bench

generate: $(STAMP) ## flows/README.md and flows/flow.schema.json, from the step kinds
	$(BIN)/python -m bot.library.manual
	$(BIN)/python -m bot.library.schema

requirements: ## pin the packages anew (needs uv)
	uv pip compile -q pyproject.toml --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 --extra build -o requirements.txt
	uv pip compile -q pyproject.toml --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 --extra build --extra dev -c requirements.txt -o requirements-dev.txt

clean: ## remove what was installed and measured; the data folder stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache build *.egg-info
