# Everything here makes .venv and installs what it needs by itself.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test attack lint format proof bench clean

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14) and "cmet needs Python 3.10 to 3.13: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=23"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	touch $@

demo: $(READY)  ## edit the examples with the mini model and show where the results are
	$(BIN)/python examples/demo.py

test: $(READY)  ## run the tests
	$(BIN)/python -m pytest -q

attack: $(READY)  ## hostile files, signals, full disks and Hubs against the command line (ten minutes)
	$(BIN)/python tests/attack/run.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

proof: $(READY)  ## the mini model's quality figures, from scratch (half an hour)
	$(BIN)/cmet proof --output weights/mini/proof.json --overwrite

bench: $(READY)
	$(BIN)/python benchmarks/edit_speed.py
	$(BIN)/python benchmarks/memory.py

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache
