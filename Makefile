# `make demo` and `make test` are the two commands; the rest is for developers. Needs only Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := selfheal tasks flows deployments console migrations benchmarks

.PHONY: setup demo test check campaign bench lock reference clean
.DEFAULT_GOAL := help
help:
	@echo "make demo      break a small real estate and watch it being healed (about a minute)"
	@echo "make test      all tests, on real servers"
	@echo "make check     what CI runs: lint, types, layers, tests"
	@echo "make campaign  all tests in full, then 2,000 faults while everything is killed and frozen (hours)"
	@echo "make bench     the benchmarks, one after the other (NAMES=... for some)"
	@echo "make setup     only the virtual environment in $(VENV)"

setup: $(VENV)/ready

# Pinned by hash and complete, hence --no-deps; the project itself is linked in, so that an edit is seen at once, and its
# code compiled as pip compiles the others': many tests start interpreters.
$(VENV)/ready: requirements.lock pyproject.toml
	@umask 022 && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Selfheal needs Python 3.11 or newer, this is " + sys.version.split()[0] + "; set PYTHON=...")'
	umask 022 && $(PYTHON) -m venv $(VENV)
	umask 022 && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	umask 022 && $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	umask 022 && $(BIN)/python -m compileall -q $(CODE)
	@touch $@

demo: setup
	@$(BIN)/selfheal demo

# Three processes, also on two cores: most tests wait for servers. What shares a server stays in one (tests/conftest.py).
TEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --durations=25
test: setup
	@$(TEST)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(TEST)

# Not in two processes: what is killed and frozen keeps the machine busy. FAULTS=2000 takes half an hour; FOLDER=... keeps
# what was written, and goes on there when it was broken off.
FAULTS ?= 2000
SEED ?= 1
campaign: setup
	$(BIN)/python -m pytest --campaign
	$(BIN)/python -m benchmarks chaos --faults $(FAULTS) --seed $(SEED) --json $(if $(FOLDER),--folder $(FOLDER))

NAMES ?= reaction admission breaker evidence logs ingest idle runstart web forecast trends
bench: setup
	@for name in $(NAMES); do echo "== $$name"; $(BIN)/python -m benchmarks $$name || exit 1; done

lock:
	$(BIN)/uv pip compile pyproject.toml --extra dev --universal --generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

# What can be set, from the descriptions in selfheal/settings; a test says when these are out of date.
reference: setup
	$(BIN)/selfheal config schema > docs/selfheal.schema.json
	$(BIN)/selfheal config reference > docs/settings.md
	$(BIN)/python -c 'from selfheal.policy.disagreement_page import page; print(page(), end="")' > docs/disagreements.md

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
