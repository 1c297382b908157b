# Two targets set up everything: `make demo` runs the main job, `make test` runs the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

WINDOW_TESTS := tests/pipeline/test_live_window.py tests/cli/test_live_shown.py \
    tests/cli/test_live_waiting.py

.PHONY: demo test test-windows test-fast test-gpu trt-plan lint types imports check bench clean

demo: $(VENV)/.base
	$(BIN)/losszero-rt demo --out ride.mp4 --labels ride_labels --force
	$(BIN)/losszero-rt ride.mp4 --out overlay.mp4 --labels ride_labels --report overlay.json --force

# Trainings start processes of their own, and get ones that nothing else has used.
test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto -m "not gpu and not trt_plan" --ignore=tests/train
	$(BIN)/python -m pytest -n auto -m "not gpu and not trt_plan" tests/train

# With the OpenCV that users have: pytorch-grad-cam brings one without windows, which hides it.
test-windows: $(VENV)/.dev
	$(BIN)/pip install --quiet --force-reinstall --no-deps \
	    "$$($(BIN)/pip freeze | grep '^opencv-python==')"
	LOSSZERO_REQUIRE_WINDOWS=1 $(BIN)/python -m pytest -m "" $(WINDOW_TESTS)

test-fast: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto

# On a machine with an NVIDIA GPU, and labelled pictures where LOSSZERO_DATA says.
test-gpu: $(VENV)/.dev
	$(BIN)/pip install --quiet --editable ".[dev,quantise]"
	LOSSZERO_REQUIRE_GPU=1 $(BIN)/python -m pytest -m gpu --timeout=1800

# The compiler's own Python without its libraries: no GPU, and nothing of it is installed.
trt-plan: $(VENV)/.dev .trt_wheels
	$(BIN)/pip install --quiet "nvidia-modelopt>=0.47"
	LOSSZERO_REQUIRE_MODELOPT=1 $(BIN)/python -m pytest -m trt_plan

.trt_wheels: | $(VENV)/bin/python
	$(BIN)/pip download --quiet --no-deps --dest $@.part torch-tensorrt==2.14.0 dllist
	mv $@.part $@

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

check: test lint types imports

bench: $(VENV)/.base
	$(BIN)/losszero-rt bench

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install --quiet --editable ".[dev]"
	touch $(VENV)/.base $@

clean:
	rm -rf $(VENV) build *.egg-info
