# Everything a developer or an operator types. `make` alone lists it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := .setup
FRONT_SOURCES := esbuild.mjs package-lock.json $(wildcard app/static/harness/*.js app/static/js/*.js app/static/js/*/*.js)
PEERS := .venv-bench
LOAD_CLIENT := benchmarks/build/load
# What a test run may be narrowed to: make test ARGS="-k pause".
ARGS ?=
# Files that are tested beside each other on two cores; attacks and abuse, which compare times, have the machine to
# themselves. Those that wait the longest come first.
FILES_AT_ONCE := 2
SOAK_TESTS := $(wildcard tests/redteam tests/durability tests/abuse tests/unit/dispatcher tests/walls/test_fuzz.py)
# What the benchmark may be narrowed to: make bench ONLY=dispatch, or how the names of the wanted rows begin.
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help run test test-fast soak bench screenshots lint format lock browser compiler clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(SETUP)/app $(SETUP)/front ## set everything up and start the site with its demo account
	@$(BIN)/python -m app start

test: $(SETUP)/dev $(SETUP)/front browser ## set everything up and run the whole test suite
	$(BIN)/python -m pytest -n $(FILES_AT_ONCE) --dist loadfile --no-loadscope-reorder -m "not browser and not alone" $(ARGS)
	$(BIN)/python -m pytest -n $(FILES_AT_ONCE) --dist loadfile -m browser tests/browser $(ARGS)
	$(BIN)/python -m pytest -m "browser or alone" --ignore=tests/browser $(ARGS)

test-fast: $(SETUP)/dev $(SETUP)/front ## the quick tests of the rooms and of the house's rules, without a browser and PostgreSQL
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser and not postgresql and not slow" tests/unit $(wildcard tests/test_*.py) $(ARGS)

soak: $(SETUP)/dev $(SETUP)/front browser ## run the tests of faults, abuse and schedules long and at full size, and print their figures
	SOAK=1 $(BIN)/python -m pytest -p tests.soak_report $(SOAK_TESTS) $(ARGS)

bench: $(SETUP)/dev $(SETUP)/front $(SETUP)/bench $(LOAD_CLIENT) ## measure the dispatcher; ONLY=dispatch is the short form
	@$(BIN)/python -W ignore -m benchmarks $(ONLY) $(ARGS)

screenshots: $(SETUP)/dev $(SETUP)/front browser ## a picture of every page, light and dark, wide and narrow, in screenshots/
	$(BIN)/python -m tests.browser.pages.screenshots $(ARGS)

lint: $(SETUP)/dev ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(SETUP)/dev ## format the Python code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(SETUP)/dev ## pin every package anew, with hashes and without hosts
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links pyproject.toml --output-file requirements/app.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links pyproject.toml --group dev --output-file requirements/dev.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links requirements/bench.in --output-file requirements/bench.txt
	npm install --package-lock-only --ignore-scripts

browser: # the browser tests drive a Chromium and a Firefox ESR: found, or installed when root
	@for name in chromium firefox-esr; do \
	  command -v $$name >/dev/null && continue; \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$name || exit 1; \
	  else echo "The browser tests need $$name. Type: sudo apt-get install $$name" >&2; exit 1; fi; \
	done

compiler: # the benchmark's load client is written in C: a compiler is found, or installed when root
	@command -v cc >/dev/null || if [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq gcc libc6-dev; \
	else echo "The load client needs a C compiler. Type: sudo apt-get install gcc libc6-dev" >&2; exit 1; fi

clean: ## remove what the targets above made, but for the instance folder with its database
	rm -rf $(VENV) $(PEERS) $(SETUP) node_modules app/static/dist benchmarks/build screenshots

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(SETUP)/app: requirements/app.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/app.txt
	@mkdir -p $(SETUP) && touch $@

$(SETUP)/dev: requirements/dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@mkdir -p $(SETUP) && touch $@ $(SETUP)/app

$(SETUP)/bench: requirements/bench.txt | $(BIN)/python
	$(PYTHON) -m venv --clear $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	@mkdir -p $(SETUP) && touch $@

$(LOAD_CLIENT): $(wildcard benchmarks/load/*.c benchmarks/load/*.h) | compiler
	@mkdir -p $(@D)
	cc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wpedantic -Wshadow -o $@ $(filter %.c,$^)

$(SETUP)/node: package-lock.json package.json .npmrc
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@mkdir -p $(SETUP) && touch $@

$(SETUP)/front: $(SETUP)/node $(FRONT_SOURCES)
	node esbuild.mjs
	@touch $@
