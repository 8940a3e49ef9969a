# make run: set up and start everything.  make test: set up and pass the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SITE = $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
PIP := $(BIN)/python -m pip --disable-pip-version-check -q install --require-hashes --only-binary :all: --no-compile
PYTEST := $(BIN)/python -m pytest -q

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test lint format types tests-sqlite tests-postgres tests-service bench bench-audio \
	bench-audit bench-board bench-dispatch bench-evidence bench-handler bench-inject bench-page bench-profile bench-simulator \
	bench-start screenshots lock

help:  ## show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{sub(/:.*/, "", $$1); printf "  make %-15s %s\n", $$1, $$2}'

setup: $(VENV)/.installed  ## create .venv with the pinned dependencies

setup-dev: $(VENV)/.installed-dev  ## the same with what the tests need

# Compiled here, once, rather than by each of the processes of the first start.
$(VENV)/.installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing dependencies into $(VENV) ..."
	@$(PIP) -r requirements.lock
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/|/locale/' "$(SITE)" > /dev/null || true
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "Installing development dependencies ..."
	@$(PIP) -r requirements-dev.lock
	@touch $@

run: setup  ## start web, worker, call watcher and simulator; Ctrl-C stops them
	@exec $(BIN)/python manage.py up

test: lint  ## lint, types, layers, and every test
	@$(MAKE) --no-print-directory -j2 tests-sqlite tests-postgres
	@$(MAKE) --no-print-directory tests-service

# System checks want a whole configuration; this one points nowhere.
lint tests-%: export GENESYS_CLIENT_ID ?= nobody
lint tests-%: export GENESYS_CLIENT_SECRET ?= nothing
lint tests-%: export GENESYS_API_URL ?= http://127.0.0.1:9
lint tests-%: export GENESYS_LOGIN_URL ?= http://127.0.0.1:9

lint: setup-dev types  ## style, layers, templates, configuration, migrations
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q . || { echo "Run: make format"; exit 1; }
	@$(BIN)/lint-imports --no-logo > .import_linter.log || { cat .import_linter.log; exit 1; }
	@rm -f .import_linter.log
	@$(BIN)/djlint templates --lint --quiet
	@$(BIN)/python manage.py check
	@$(BIN)/python manage.py makemigrations --check --dry-run

format: setup-dev  ## put the code into its form
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q .

types: setup-dev  ## strict types
	@$(BIN)/mypy audit bargeportal injections

tests-sqlite: setup-dev  ## the tests within one process, with coverage
	@$(PYTEST) -m "not service and not browser" --cov --cov-report=term --cov-fail-under=90

# The leaves have no database.
tests-postgres: setup-dev  ## the tests of everything that has a database, on PostgreSQL
	@$(BIN)/python -m tests.support.with_postgres $(PYTEST) -m "not service and not browser" \
		--ignore tests/architecture --ignore tests/injections/genesys --ignore tests/injections/audio

tests-service: setup-dev  ## the whole product as processes, and in a browser
	@$(PYTEST) -m "service or browser"

bench: bench-inject bench-start bench-board bench-handler  ## the numbers of the README

bench-board: setup-dev  ## the board at 500 calls
	@$(BIN)/python -m tests.benchmarks.bench_board

bench-dispatch: setup-dev  ## dispatch on PostgreSQL and Redis: latency, throughput, rate limit, a long queue
	@for part in latency throughput limit queue; do $(BIN)/python -m tests.benchmarks.bench_dispatch $$part || exit 1; done

bench-profile: setup-dev  ## where the CPU time of an injection goes
	@$(BIN)/python -m tests.benchmarks.profile_inject

bench-page: setup-dev  ## how soon an open page says that requests are held back (needs Chromium)
	@$(BIN)/python -m tests.benchmarks.bench_page

bench-evidence: setup-dev  ## an evidence pack of 10,000 records
	@$(BIN)/python -m tests.benchmarks.bench_evidence

bench-audit: setup-dev  ## appending, sealing and verifying the audit log
	@$(BIN)/python -m tests.benchmarks.bench_audit

bench-inject: setup-dev  ## click to accepted
	@$(BIN)/python -m tests.benchmarks.bench_inject

bench-start: setup-dev  ## from nothing to ready, and the memory of all processes
	@$(BIN)/python -m tests.benchmarks.bench_start

bench-handler: setup-dev  ## our way to run Django behind ASGI beside Django's own
	@$(BIN)/python -m tests.benchmarks.bench_handler

bench-simulator: setup-dev  ## the simulator's own answers and start
	@$(BIN)/python -m tests.benchmarks.bench_simulator

bench-audio: setup-dev  ## examining and levelling recordings
	@$(BIN)/python -m tests.benchmarks.bench_audio

screenshots: setup-dev  ## docs/pictures anew
	@$(BIN)/python -m tests.screenshots

lock: setup-dev  ## pin the dependencies anew (needs uv)
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --generate-hashes pyproject.toml -o requirements.lock
	@uv pip compile -q --universal --python-version 3.11 --no-header --no-annotate --generate-hashes --group dev pyproject.toml -o requirements-dev.lock
