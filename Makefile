# Every target creates the virtual environment if it is missing; later runs install nothing.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-slow lint docs bench fuzz nano models clean

demo: $(READY)
	$(BIN)/animator demo

# Each test uses one thread, so two parallel tests use two cores.
WORKERS ?= 2
test: $(READY)
	$(BIN)/python -m pytest -q -n $(WORKERS)

test-slow: $(READY)
	$(BIN)/python -m pytest -q -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	$(BIN)/python docs/update.py

bench: $(READY)
	$(BIN)/python benchmarks/schedule.py
	$(BIN)/python benchmarks/loop.py
	$(BIN)/python -m benchmarks.camera
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.product
	$(BIN)/python -m benchmarks.turnaround

fuzz: $(READY)
	$(BIN)/python -m benchmarks.fuzz

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

# Train the bundled model from scratch: four hours on two cores (the sum of its stages, which were never run in one go).
# ROOM is the folder for images, checkpoints and logs.
ROOM ?= nano-room
nano: $(READY)
	for stage in draw vae settle unet distil export; do $(BIN)/python -m nanolab.train $$stage --room $(ROOM) || exit 1; done
	$(BIN)/python -m nanolab.evaluate --room $(ROOM) --out $(ROOM)/report

# Build the 3D models that come along.
models: $(READY)
	$(BIN)/python -m nanolab.models

clean:
	rm -rf .venv build dist renders
