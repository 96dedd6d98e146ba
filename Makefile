# Only Python 3.11+ and make are needed; each target sets up what it uses.
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test bench soak published clean requirements

demo: $(VENV)/run.done
	@$(BIN)/python -m examples.demo $(ARGS)

test: $(VENV)/test.done
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto $(ARGS)

bench: $(VENV)/test.done
	@$(BIN)/python -m tests.benchmarks $(ARGS)

soak: $(VENV)/test.done
	@$(BIN)/python -m tests.benchmarks --soak $(ARGS)

$(VENV)/run.done: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "setting up $(VENV) (once) ..."
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test.done: $(VENV)/run.done requirements/test.txt
	@$(PIP) install --require-hashes -r requirements/test.txt
	@touch $@

published: $(VENV)/test.done
	@$(BIN)/python -m tests.conformance

requirements:
	uv pip compile pyproject.toml --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -o requirements/run.txt
	uv pip compile pyproject.toml --extra test --universal --generate-hashes --no-header --no-annotate --python-version 3.11 -c requirements/run.txt -o requirements/test.txt

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
