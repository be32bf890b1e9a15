# Two commands on a fresh machine with Python 3.11+, git and make: `make nightly`, `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ECOPLAN := $(BIN)/ecoplan
PYTEST := $(BIN)/pytest
WORKERS ?= 2

.PHONY: setup nightly test thorough damage coverage lint format realdata bench docs clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv sync --locked --all-extras --quiet --compile-bytecode
	touch $@

# exit status 1 of ecoplan means findings for a person (an open episode, a refused file): not a failure of make
nightly: setup
	@$(ECOPLAN) nightly; status=$$?; echo "exit status $$status"; test $$status -le 1

test: setup
	@echo "tests marked thorough are not part of this: make thorough runs them"
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=15 -m "not thorough"

# the tests that walk many nights, and every real export where make test takes a stated part
thorough: setup
	$(PYTEST) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=15 -m thorough

# every layout's exports damaged at random, 2,000 times each: no crash, no hang, exact balance
damage: setup
	ECOPLAN_DAMAGE=$${ECOPLAN_DAMAGE:-2000} $(PYTEST) -n $(WORKERS) --dist worksteal tests/sources/test_damage.py --durations=5

coverage: setup
	$(PYTEST) -n $(WORKERS) tests/sources --cov=sources --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

realdata: setup
	$(BIN)/python benchmarks/realdata.py

bench: setup
	$(BIN)/python benchmarks/run.py $(ONLY)

docs: setup
	$(BIN)/python docs/build.py

clean:
	rm -rf var
