# One command each. `make help` lists them.
SHELL := /bin/bash
PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: ui help install dev browser servers run demo test busy coverage crowds unit check faults chaos postgres mongodb readmes lock bench shelf clean words errors screenshots lighthouse

help: ## Show what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 18

install: browser ## Set up .venv with hash-checked dependencies and a browser; leaves .venv/bin/mediavault
	@scripts/setup run
	@$(PY) scripts/assets.py

dev: browser servers
	@scripts/setup dev
	@$(PY) scripts/assets.py

words: dev ## Collect the pages' texts into the catalogues of all languages, and compile them
	@$(PY) scripts/assets.py --words

errors: dev ## Write docs/errors.md from the table of failures
	@$(PY) scripts/error_docs.py

screenshots: dev ## Make docs/images anew from a vault of sample posts
	@$(PY) -m tests.ui.screenshots

lighthouse: dev ## Hold home and library, with 1,000 videos, against Lighthouse
	@$(PY) -m tests.ui.lighthouse_scores

servers:
	@scripts/test-servers

browser:
	@scripts/browser

run: install ## Set everything up and start the vault on http://127.0.0.1:8420
	@exec .venv/bin/mediavault serve

demo: install ## Save the practice site's posts before your eyes; needs no internet
	@exec .venv/bin/mediavault demo

test: dev ## Run the tests (the longest faults are in `make faults`)
	@scripts/test

busy: dev ## The same on a busy machine: nproc + 2 busy loops run next to the tests
	@scripts/test --busy

coverage: dev ## Measure what the unit, contract and component tests cover
	@scripts/test --coverage

crowds: dev ## Measure how much slower claims and answers get by queued jobs, listeners and slow clients
	@$(PY) -m benchmarks.crowds

ui: dev ## Look at the pages in a real Chromium; the 200 hostile texts on every page take minutes
	@$(PY) -m pytest -q tests/ui

unit: dev ## Run the tests that need neither browser, network nor helper processes
	@$(PY) -m pytest -n 2 -q tests/unit

check: dev ## ruff, mypy --strict, import-linter
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache

faults: dev ## Break the disk, the clock, the processes and the database; print the fault matrix: make faults SEEDS=20
	@$(PY) -m pytest tests/faults --fault-matrix --fault-seeds $(or $(SEEDS),20)

postgres: dev ## Run what concerns PostgreSQL on another release: make postgres BIN=/usr/lib/postgresql/15/bin
	@MEDIAVAULT_TEST_POSTGRES_BIN=$(BIN) $(PY) -m pytest -n 2 -q tests/contract tests/component/store tests/faults/test_postgres.py \
		-k postgres -m "not long" --ignore=tests/contract/test_store_mutants.py

mongodb: dev ## Run what concerns MongoDB, on the server that MEDIAVAULT_TEST_MONGODB_URL names or on one of its own
	@$(PY) -m pytest -n 2 -q tests/contract tests/component/store tests/component/cli tests/unit/store tests/faults \
		-k mongo -m "not long" --ignore=tests/contract/test_store_mutants.py

bench: dev ## Measure the queue beside its peers
	@scripts/bench-setup
	@$(PY) -m benchmarks.queue

chaos: dev ## Workers under kills, freezes, cuts, restarts: make chaos SECONDS=60 STORE=postgres JOBS=1000 LEASE=2 SEED=7
	@$(PY) -m tests.faults.chaos $(if $(STORE),--store=$(STORE)) $(if $(SECONDS),--seconds=$(SECONDS)) \
		$(if $(JOBS),--jobs=$(JOBS)) $(if $(SEED),--seed=$(SEED)) $(if $(LEASE),--lease-s=$(LEASE))

shelf: dev ## Measure what the library's pages ask of a store of 100,000 videos
	@$(PY) -m benchmarks.library


readmes: dev ## Write the generated part of the domains' READMEs
	@$(PY) scripts/domain_readmes.py

lock: dev ## Pin the dependencies anew, with hashes
	@scripts/lock

clean: ## Remove the virtual environment and all caches
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* dist build
