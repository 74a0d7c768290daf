# The two commands are `make run` and `make test`; both set up what they need from Python >= 3.11 alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: run demo test test-faults soak lint clean

run: $(VENV)/run.stamp ## watch ./inbox and transcribe with the packaged tiny.en model
	@mkdir -p inbox
	$(BIN)/transcribed run --config config.toml

demo: $(VENV)/run.stamp ## one round by itself: drop the shipped clip, wait, print the transcript
	@rm -rf demo && mkdir -p demo/inbox && cp config.toml demo/ && cp daemon/clips/demo.flac demo/inbox/
	$(BIN)/transcribed run --once --config demo/config.toml
	@echo && cat demo/inbox/demo.txt

test: $(VENV)/test.stamp lint ## everything but the large fault doses
	$(BIN)/pytest -m "not faults and not soak" -n 2

test-faults: $(VENV)/test.stamp ## every promise of docs/reliability.md, with the full fault doses (under an hour)
	$(BIN)/pytest -m "guarantee and not soak" -n 2 --guarantees -rP

soak: $(VENV)/test.stamp ## an hour of work with random faults; SOAK_SECONDS=600 for ten minutes
	$(BIN)/pytest -m soak -s

lint: $(VENV)/test.stamp
	$(BIN)/ruff check daemon migrations tests
	$(BIN)/ruff format --check daemon migrations tests
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("transcribed needs Python 3.11 or newer: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[tiny]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[tiny,base,test]'
	@touch $@ $(VENV)/run.stamp
