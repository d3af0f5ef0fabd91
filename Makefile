# Each target is one command; `make help` lists them.
SHELL := /bin/bash
PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: ui help install dev browser servers run demo test busy coverage crowds soak unit check faults damage chaos postgres mongodb readmes lock bench library clean wheel extension service image packages venv words reference docs screenshots lighthouse

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 20

install: browser ## Set up .venv with hash-checked dependencies and a browser; leaves .venv/bin/mediavault
	@scripts/setup run
	@$(PY) scripts/assets.py

dev: browser servers venv

venv:
	@scripts/setup dev
	@$(PY) scripts/assets.py

words: venv ## Update and compile the translation catalogues
	@$(PY) scripts/assets.py --words

reference: venv ## Write the reference in docs from the code: settings, commands, API, metrics, errors
	@$(PY) -m scripts.reference

docs: venv ## Build the documentation's site into build/site
	@source scripts/pinned.sh && pinned requirements-docs.txt
	@$(PY) -m scripts.docs

screenshots: dev ## Regenerate the screenshots in docs/images
	@$(PY) -m tests.ui.screenshots

lighthouse: dev ## Run Lighthouse on the home page and a library of 1,000 videos
	@$(PY) -m tests.ui.lighthouse_scores

servers:
	@scripts/test-servers

browser:
	@scripts/browser

run: install ## Set everything up and start the vault on http://127.0.0.1:8420
	@exec .venv/bin/mediavault serve

demo: install ## Save the posts of a practice site; needs no internet
	@exec .venv/bin/mediavault demo

test: dev ## Run the tests, except the longest fault tests (`make faults`)
	@scripts/test

wheel: ## Build the wheel into dist/
	@scripts/setup build
	@scripts/wheel

extension: venv ## Build the browser extension into dist/, for Chromium and for Firefox
	@$(PY) -m scripts.extension

service: wheel ## Install the vault as a service of systemd; needs root
	@scripts/service

image: ## Build the container image `mediavault`, with Docker, Podman or Buildah
	@scripts/image

packages: dev wheel ## Try wheel, image and systemd's units as users install them; needs root
	@scripts/try-wheel
	@scripts/try-image

busy: dev ## Run the tests while nproc + 2 busy loops load the machine
	@scripts/test --busy

coverage: dev ## Measure the coverage of the unit, contract and component tests
	@scripts/test --coverage

crowds: dev ## Benchmark claims and responses under load
	@$(PY) -m benchmarks.crowds

ui: dev ## Test the pages in a real Chromium; takes minutes
	@$(PY) -m pytest -q tests/ui

unit: venv ## Run the unit tests: no browser, network or helper processes
	@$(PY) -m pytest -n 2 -q tests/unit

check: venv ## Run ruff, mypy --strict, the import contracts and zizmor, and build the extension
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache
	@$(PY) -m pytest -n 0 -q tests/unit/test_architecture.py tests/unit/test_import_contracts.py
	@.venv/bin/zizmor --quiet --offline --strict-collection .github
	@$(PY) -m scripts.extension

faults: dev ## Run the fault tests and print the fault matrix: make faults SEEDS=20
	@$(PY) -m pytest tests/faults --fault-matrix --fault-seeds $(or $(SEEDS),20)

damage: dev ## Print which damaged films are refused: make damage MB=1 FILM=HEVC
	@$(PY) -m tests.damage_table $(if $(MB),--megabytes=$(MB)) $(if $(FILM),--film=$(FILM))

postgres: dev ## Run the PostgreSQL tests on another release: make postgres BIN=/usr/lib/postgresql/15/bin
	@MEDIAVAULT_TEST_POSTGRES_BIN=$(BIN) $(PY) -m pytest -n 2 -q tests/contract tests/component/store tests/faults/test_postgres.py \
		-k postgres -m "not long" --ignore=tests/contract/test_store_mutants.py

mongodb: dev ## Run the MongoDB tests, on MEDIAVAULT_TEST_MONGODB_URL if it is set
	@$(PY) -m pytest -n 2 -q tests/contract tests/component/store tests/component/cli tests/unit/store tests/faults \
		-k mongo -m "not long" --ignore=tests/contract/test_store_mutants.py

bench: dev ## Benchmark the queue against other queues
	@scripts/bench-setup
	@$(PY) -m benchmarks.queue

chaos: dev ## Run random kills, freezes and restarts: make chaos SECONDS=60 STORE=postgres JOBS=1000 LEASE=2 SEED=7
	@$(PY) -m tests.faults.chaos $(if $(STORE),--store=$(STORE)) $(if $(SECONDS),--seconds=$(SECONDS)) \
		$(if $(JOBS),--jobs=$(JOBS)) $(if $(SEED),--seed=$(SEED)) $(if $(LEASE),--lease-s=$(LEASE))

soak: dev ## Let one vault work for an hour, and print what grows: make soak MINUTES=60
	@$(PY) -m benchmarks.soak $(if $(MINUTES),--minutes=$(MINUTES))

library: dev ## Benchmark the library pages with 100,000 videos
	@$(PY) -m benchmarks.library

readmes: venv ## Update the generated part of the domain READMEs
	@$(PY) scripts/domain_readmes.py

lock: venv ## Update the lock files
	@scripts/lock

clean: ## Remove the virtual environment and all caches
	@rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* dist build
