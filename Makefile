# The two commands are `make run` and `make test`; both set up what they need from Python >= 3.11 alone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES := daemon migrations tests tools

.PHONY: run demo test unit coverage test-faults soak test-systemd test-container lint format clean help

# Tests start thousands of processes, a quarter of whose work is to compile this project, if its bytecode is not kept.
test unit coverage test-faults soak: export PYTHONDONTWRITEBYTECODE :=

run: $(VENV)/run.stamp ## watch ./inbox and transcribe with the packaged tiny.en model
	@mkdir -p inbox
	$(BIN)/transcribed run --config config.toml

demo: $(VENV)/run.stamp ## transcribe the shipped clip once and print the transcript
	@rm -rf demo && mkdir -p demo/inbox && cp config.toml demo/ && cp daemon/clips/demo.flac demo/inbox/
	$(BIN)/transcribed run --once --config demo/config.toml
	@echo && cat demo/inbox/demo.txt

test: $(VENV)/test.stamp ## check and test everything but the full fault doses (under 20 minutes)
	@# While mypy has one core, the other makes the bytecode of the tests, which each worker would make for itself.
	$(BIN)/pytest --collect-only > /dev/null & $(MAKE) --no-print-directory lint; ended=$$?; wait; exit $$ended
	$(BIN)/pytest -m "not faults and not soak and not systemd" -n 3 --dist worksteal

unit: $(VENV)/test.stamp ## run the unit tests but the slow ones (under a minute)
	$(BIN)/pytest tests/unit -m "not slow" -n 2

coverage: $(VENV)/test.stamp ## test with coverage and fail below 95 % of lines; daemons and children count
	$(BIN)/coverage erase
	COVERAGE_FILE=$(CURDIR)/.coverage $(BIN)/coverage run -m pytest -m "(not faults or not guarantee) and not soak and not slow and not systemd" -n 2 --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-faults: $(VENV)/test.stamp ## test every promise of docs/reliability.md with the full fault doses (about an hour)
	$(BIN)/pytest -m "(guarantee or faults) and not soak" -n 2 --dist worksteal --guarantees -rP

soak: $(VENV)/test.stamp ## work for an hour with random faults; SOAK_SECONDS=600 for ten minutes
	$(BIN)/pytest -m soak -s

test-systemd: $(VENV)/test.stamp ## test the service on a real systemd, in a container and in QEMU (as root; mmdebstrap, systemd-container, qemu-system-x86)
	$(BIN)/pytest tests/systemd/test_service.py tests/systemd/test_memory.py tests/systemd/test_cluster.py -m systemd

test-container: $(VENV)/test.stamp ## build docs/docker and test it (as root; mmdebstrap, buildah, podman-compose, runc, catatonit)
	$(BIN)/pytest tests/systemd/test_docker.py -m systemd

lint: $(VENV)/test.stamp ## check style, formatting, types and the layers
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/test.stamp ## format the code and fix what ruff can fix by itself
	$(BIN)/ruff check --fix-only $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean: ## remove the virtual environment, the demo and the caches
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage* .grimp_cache .import_linter_cache

help: ## list the commands
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-12s %s\n", $$1, $$2 }'

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("transcribed needs Python 3.11 or newer: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[tiny]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/bin/python pyproject.toml constraints.txt daemon/config/speaker_models.py
	$(PIP) --editable '.[tiny,base,test]'
	@# Tests that need it skip where its package cannot be fetched.
	-$(BIN)/transcribed speakers install
	@touch $@ $(VENV)/run.stamp
