# The commands of the project; `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Containers often set it; then each of the many processes that the suite starts would compile all modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help serve test newest mutants assets install check clean

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/'

serve: $(VENV)/.runtime assets  ## start everything and serve on 127.0.0.1:8000
	@exec $(BIN)/dno serve

CLIENTS := tests/e2e/clients/node_modules/.package-lock.json

test: $(VENV)/.development assets $(if $(shell command -v npm),$(CLIENTS))  ## run the whole suite against real servers
	@$(BIN)/python -m pytest -n 4 --dist worksteal

check: $(VENV)/.development  ## formatting, lint, strict types, layers, schema.graphql
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted: ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@found=$$($(BIN)/lint-imports 2>&1) || { echo "$$found"; exit 1; }
	@$(BIN)/dno export-schema --check schema.graphql

# In an environment of its own; the suite runs with the Python of $(VENV).
newest:  ## the unit tests with the newest Python here (3.12 to 3.14), if there is one
	@python=$$(.ci/newest-python) && if [ -n "$$python" ]; then \
	  echo "Unit tests with $$($$python --version) …" && \
	  $(MAKE) --silent VENV=.venv-newest PYTHON=$$python .venv-newest/.development && \
	  .venv-newest/bin/python -m pytest -n 4 -o cache_dir=.venv-newest/pytest tests/unit; \
	else echo "No Python newer than 3.11 here."; fi

mutants: $(VENV)/.mutation  ## mutation tests, takes hours (SAMPLE=50 PACKAGES=app/domain for less)
	@$(BIN)/python -m tests.mutation map
	@nice -n 15 $(BIN)/python -m tests.mutation run --sample $(or $(SAMPLE),0) $(PACKAGES)

install: $(VENV)/.runtime  ## install without starting

clean:  ## remove installed and built files; .local with the data stays
	@rm -rf $(VENV) .venv-newest app/web/graphiql/node_modules tests/e2e/clients/node_modules app/web/assets .*_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dno-api needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned dependencies into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/runtime.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: requirements/development.txt $(VENV)/.runtime
	@echo "Installing the development dependencies …"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/development.txt
	@touch $@

$(VENV)/.mutation: requirements/mutation.txt $(VENV)/.development
	@echo "Installing what mutation tests need …"
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/mutation.txt
	@touch $@

# Clients that tests run; without them these tests are skipped.
$(CLIENTS): tests/e2e/clients/package-lock.json
	@echo "Fetching clients for tests …"
	@cd tests/e2e/clients && npm ci --silent && touch node_modules/.package-lock.json || echo "npm failed; continuing without its clients."

# GraphiQL, from npm packages. Without npm, or when the registry cannot be reached, a simple console is used.
GRAPHIQL := app/web/graphiql
ASSETS := app/web/assets/manifest.json

assets: $(if $(shell command -v npm),$(ASSETS))  ## build GraphiQL (needs npm)

$(ASSETS): $(GRAPHIQL)/node_modules/.package-lock.json $(wildcard $(GRAPHIQL)/*.js* $(GRAPHIQL)/*.mjs $(GRAPHIQL)/examples/*)
	@echo "Building GraphiQL …"
	@cd $(GRAPHIQL) && npm run --silent build || echo "GraphiQL was not built; a simple console is used instead."

$(GRAPHIQL)/node_modules/.package-lock.json: $(GRAPHIQL)/package-lock.json
	@echo "Fetching GraphiQL …"
	@cd $(GRAPHIQL) && npm ci --silent && touch node_modules/.package-lock.json || echo "npm failed; continuing without GraphiQL."
