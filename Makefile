# Two commands matter: `make run` and `make test`. Everything lives in .venv and var/.
PYTHON ?= python3
BIN := .venv/bin
BENCH_DATA ?= bench/data
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
# pip would compile on one core, and the libraries' own tests too, which nobody runs here.
COMPILE := $(BIN)/python -m compileall -q -j 0 -x /tests/ .venv/lib

.PHONY: run backup restore tools test test-long lint bench bench-floor bench-quality bench-guards bench-explain bench-honesty bench-reader bench-scale bench-flow bench-live bench-watch bench-due bench-pages bench-fleet bench-fairness bench-load bench-hosts bench-ray screenshots clean migrate web worker clock

run: .venv/run
	$(BIN)/python -m einstein run

web: .venv/run
	$(BIN)/python manage.py collectstatic --no-input --verbosity 0
	$(BIN)/python manage.py web

worker: .venv/run
	@test -n "$(QUEUES)" || { echo "Say which: make worker QUEUES=interactive, or QUEUES='interactive train'"; exit 2; }
	@for queue in $(QUEUES); do $(BIN)/python manage.py work $$queue & pids="$$pids $$!"; done; trap "kill $$pids; wait" TERM INT; wait

clock: .venv/run
	$(BIN)/python manage.py clock

migrate: .venv/run
	$(BIN)/python manage.py migrate

backup: .venv/run
	$(BIN)/python manage.py backup $(or $(TO),backups) --rehearse

restore: .venv/run
	$(BIN)/python manage.py restore $(FROM)

tools:
	$(PYTHON) tests/ensure_tools.py

test: .venv/dev tools
	$(BIN)/python -m pytest -n 3 -m "not alone and not long"
	$(BIN)/python -m pytest -m "alone and not long"

test-long: .venv/dev tools
	$(BIN)/python -m pytest -m long --timeout 3600

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/bandit --quiet --recursive --severity-level medium --configfile pyproject.toml apps einstein manage.py

bench: bench-floor bench-quality bench-guards bench-explain bench-honesty bench-reader bench-scale bench-flow bench-live bench-watch bench-due bench-pages bench-fleet bench-fairness bench-load bench-hosts bench-ray

bench-quality: .venv/dev
	BENCH_DATA=$(BENCH_DATA) PYTHONPATH=. $(BIN)/python -m bench.quality

bench-guards bench-explain bench-honesty bench-reader bench-scale bench-flow bench-live bench-watch bench-due bench-pages bench-fleet bench-fairness bench-load bench-hosts: bench-%: .venv/dev
	BENCH_DATA=$(BENCH_DATA) PYTHONPATH=. $(BIN)/python -m bench.$*

bench-ray: .venv/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ray.txt
	PYTHONPATH=. $(BIN)/python -m bench.ray

bench-floor: .venv/dev
	BENCH_DATA=$(BENCH_DATA) PYTHONPATH=. $(BIN)/python bench/quality_floor.py

screenshots: .venv/dev tools
	EINSTEIN_PICTURES=1 $(BIN)/python -m pytest tests/e2e/test_screens.py tests/e2e/test_operator_screens.py -s

clean:
	rm -rf .venv var screenshots

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: requirements.txt | .venv/bin/python
	$(INSTALL) -r requirements.txt
	$(COMPILE) || true
	touch $@

.venv/dev: requirements-dev.txt requirements.txt | .venv/bin/python
	$(INSTALL) -r requirements-dev.txt
	$(COMPILE) || true
	touch .venv/run $@
