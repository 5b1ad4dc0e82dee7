# Concord: `make run` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
# The type checker reads the settings and connects to nothing.
LINT_ENV := SECRET_KEY=lint DATABASE_URL=postgres://lint@127.0.0.1:1/lint
TYPED := portal/core portal/users portal/events portal/access portal/identity scripts
.DEFAULT_GOAL := help
.PHONY: help run test check requirements vendor clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## Set everything up and start the portal with its demo organization
	@$(PYTHON) scripts/bootstrap.py
	@$(BIN)/python -m scripts.launcher run

test: ## Install what the tests need and run them all
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: ## Lint, types, walls, migrations
	@$(PYTHON) scripts/bootstrap.py --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/lint-imports
	$(LINT_ENV) $(BIN)/mypy $(TYPED)

requirements: ## Pin requirements from pyproject.toml
	$(BIN)/uv pip compile -q --no-header --no-annotate pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile -q --no-header --no-annotate --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

vendor: ## Copy third-party assets and licences into static/vendor
	npm ci --silent
	$(PYTHON) scripts/vendor.py

clean: ## Remove the virtual environment and caches; the state in .portal stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache node_modules
