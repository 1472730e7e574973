# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.trusteq-ready

.PHONY: demo demo-language test quick long check bench locked clean

demo: $(READY)  ## a real Transformer fine-tuned, compressed and audited on the spot, in minutes
	$(BIN)/trusteq demo

demo-language: $(READY)  ## a language model compressed and audited, by its choices and by its next tokens
	$(BIN)/trusteq demo --language

test: $(READY)  ## the test suite
	$(BIN)/python -m pytest -n auto --dist worksteal

quick: $(READY)  ## the tests that are not marked slow, in two minutes on two cores
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

long: $(READY)  ## searches of many models, which the test suite leaves out for their time
	TRUSTEQ_LONG=1 $(BIN)/python -m pytest tests/shrink

check: $(READY)  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## a million items, side by side with other libraries
	$(BIN)/python bench/measures.py

# torch is installed together with the rest, so that its version is the pinned one.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[transformers,gguf,onnx,pictures,litert,sound,mlflow,tensorboard]' --group dev
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/mlflow-server --requirement ci/mlflow-server.txt
	touch $(READY)

# CI's installation: every file by its hash, torch as its CPU build.
# MLflow's server, which a test starts, wants an older pyarrow than everything else: it lies beside the rest, without one of its own.
locked: requirements.lock ci/mlflow-server.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --no-deps --target $(VENV)/mlflow-server --requirement ci/mlflow-server.lock
	$(BIN)/python -W ignore -m compileall -qq -j 0 $(VENV)/lib || true  # on all cores; some files are for other Pythons
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	touch $(READY)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
