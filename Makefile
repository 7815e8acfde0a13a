PYTHON ?= python3
BIN := .venv/bin
STACKS := local dev staging prod
SLICE := 1/1

.PHONY: up down test bench mutate check generate
.DEFAULT_GOAL := help

help: ## what there is to do
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /make \1\t/'

up: .venv/installed ## start the sandbox, deploy, stage, rotate, let every service call Klaviyo, show it
	@$(BIN)/python -m sandbox.tour up

down: .venv/installed ## remove all that `make up` made
	@$(BIN)/python -m sandbox.tour down

test: .venv/installed ## every test, the end-to-end ones on sandboxes of their own
	$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder --durations 15

bench: .venv/installed ## what the project promises in numbers, beside what one would use instead; writes benchmarks/results.json
	$(BIN)/python -m benchmarks

mutate: .venv/installed ## change every policy and rule of access in small ways: does a test see each? SLICE=1/8: an eighth of them
	$(BIN)/python -m tools.mutate --slice $(SLICE)

check: .venv/installed ## formats, types, directions of imports, generated files, and that every stack renders
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/house
	$(BIN)/python -m tools.generate --check
	for stack in $(STACKS); do $(BIN)/python -m sandbox render --stack $$stack --json >/dev/null || exit 1; done

generate: .venv/installed ## write what is derived from Klaviyo's SDK and from the code
	$(BIN)/python -m tools.generate

.venv/installed: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "klaviyo-access needs Python 3.11 or later; $(PYTHON) is `$(PYTHON) --version`. Name another: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
