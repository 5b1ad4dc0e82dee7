# Concord: `make run` and `make test` are all a newcomer needs.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
# The type checker reads the settings and connects to nothing.
LINT_ENV := SECRET_KEY=lint DATABASE_URL=postgres://lint@127.0.0.1:1/lint
TYPED := $(filter-out portal/web portal/__pycache__,$(wildcard portal/*)) scripts
PIN := $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url
.DEFAULT_GOAL := help
.PHONY: help run keycloak test prove check bench pictures requirements vendor clean

help: ## Say what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: ## Set everything up and start the portal with its demo organization (PORT=8080, KEYCLOAK=1, KEYCLOAK_URL=...)
	@$(PYTHON) scripts/bootstrap.py
	@$(BIN)/python -m scripts.launcher run

keycloak: ## Install Keycloak by Maven (or KEYCLOAK_ZIP=file) and run it alone (PORT=8180 for another port)
	@$(PYTHON) scripts/bootstrap.py
	@$(BIN)/python -m scripts.launcher keycloak

test: ## Install what the tests need and run them all
	@$(PYTHON) scripts/bootstrap.py --dev
	@command -v chromium >/dev/null || echo "No chromium here, so no page is opened in a browser: apt install chromium"
	@[ -n "$$KEYCLOAK_ZIP" ] || ls -d .portal/keycloak/keycloak-* >/dev/null 2>&1 || command -v mvn >/dev/null || \
		echo "No Maven here, so nothing is tested against Keycloak: apt install maven, or KEYCLOAK_ZIP=file"
	@[ -d node_modules/oidc-provider ] || npm ci --silent || echo "No npm here, so no sign-in with an OpenID provider by others is tested: install Node 20"
	@[ -x /usr/sbin/slapd ] || echo "No slapd here, so no sign-in with a directory is tested: apt install slapd ldap-utils"
	@[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ] || echo "No mod_auth_openidc here, so nothing is tested against Keystone: apt install apache2-bin libapache2-mod-auth-openidc"
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile $(ARGS)

prove: ## Run every proof at full size (half an hour) and write docs/proof.md
	@$(PYTHON) scripts/bootstrap.py --dev
	@PROVE=1 $(BIN)/pytest -m proof --proof docs/proof.md $(ARGS)

check: ## Lint, types, walls, migrations
	@$(PYTHON) scripts/bootstrap.py --dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/djlint --lint --quiet templates
	$(BIN)/lint-imports
	$(LINT_ENV) $(BIN)/mypy $(TYPED)

bench: ## Measure: rating, pages, visibility, inventory, tokens, votes, sealing, footprint (ARGS=pages for one)
	@$(PYTHON) scripts/bootstrap.py --dev
	@$(BIN)/python -m benchmarks $(ARGS)

pictures: ## Take the pictures of docs/img anew, from the story in a browser
	@$(PYTHON) scripts/bootstrap.py --dev
	@PICTURES=docs/img $(BIN)/pytest -q tests/story -p no:randomly

requirements: ## Pin requirements from pyproject.toml, for every Python from 3.11 on (Debian's 3.11.2 needs one more than 3.11.3)
	$(PIN) pyproject.toml -o requirements.txt
	$(PIN) --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt
	$(PIN) tests/keystone.in -o tests/keystone.txt

vendor: ## Copy third-party assets and licences into static/vendor
	npm ci --silent
	$(PYTHON) scripts/vendor.py

clean: ## Remove the virtual environment and caches; the state in .portal stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache node_modules
