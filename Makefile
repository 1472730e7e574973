# Two commands do everything, set-up included: `make demo` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.trusteq-ready
SITE := $(VENV)-site
LOWEST := $(VENV)-lowest
EXTRAS := transformers,gguf,onnx,pictures,litert,sound,mlflow,tensorboard

.PHONY: help demo demo-language test quick long lowest check docs gallery news dist smoke sbom bench locked locks clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{ printf "make %-15s%s\n", $$1, $$2 }'

demo: $(READY)  ## a real Transformer fine-tuned, compressed and audited on the spot, in minutes
	$(BIN)/trusteq demo

demo-language: $(READY)  ## a language model compressed and audited, by its choices and by its next tokens
	$(BIN)/trusteq demo --language

test: $(READY)  ## the test suite
	$(BIN)/python -m pytest -n auto --dist worksteal

quick: $(READY)  ## the tests that are not marked slow, in two minutes on two cores
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow"

long: $(READY)  ## the tests that the test suite leaves out for their time
	TRUSTEQ_LONG=1 $(BIN)/python -m pytest -m long

# On Linux, UV_TORCH_BACKEND=cpu spares three gigabytes of GPU libraries where PyTorch's own index can be reached.
# Old versions beside new ones warn of each other, which is no defect of ours: warnings are no errors here.
lowest:  ## the quick tests with the lowest versions that pyproject.toml allows
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --upgrade uv
	$(LOWEST)/bin/uv pip compile --quiet --resolution lowest-direct $(foreach one,$(subst $(comma), ,$(EXTRAS)),--extra $(one)) pyproject.toml --output-file $(LOWEST)/lowest.txt
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --requirement $(LOWEST)/lowest.txt --group test --editable .
	$(LOWEST)/bin/python -m pytest -n auto --dist worksteal -m "not slow" -W default

check: $(READY)  ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(SITE)/.ready  ## the documentation as a site, in site/; needs no network once set up
	$(SITE)/bin/python ci/site_pages.py build/pages
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=src $(SITE)/bin/mkdocs build --strict --quiet --config-file build/mkdocs.json

gallery: $(READY)  ## the pages of all demos, and what the terminal shows, in site/gallery
	$(BIN)/python ci/gallery.py site/gallery

news: $(READY)  ## what the next version brings, as the changelog will tell it
	$(BIN)/towncrier build --draft

dist: $(READY)  ## wheel and source archive in dist/, checked, with their hashes
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/twine check --strict dist/*
	cd dist && sha256sum * > SHA256SUMS

smoke: $(READY)  ## the wheel, built and tried where nothing else of this repository is
	$(BIN)/python -m pytest tests/release

sbom:  ## what `pip install trusteq` brings besides, as a CycloneDX list; needs dist/
	$(PYTHON) -m venv $(VENV)-sbom
	$(VENV)-sbom/bin/python -m pip install --quiet dist/*.whl
	$(PYTHON) -m venv $(VENV)-sbom/tool
	$(VENV)-sbom/tool/bin/python -m pip install --quiet "cyclonedx-bom>=5"
	$(VENV)-sbom/tool/bin/cyclonedx-py environment --output-reproducible --output-file dist/trusteq.cdx.json $(VENV)-sbom/bin/python

bench: $(READY)  ## a million items, side by side with other libraries
	$(BIN)/python bench/measures.py

# torch is installed together with the rest, so that its version is the pinned one.
$(READY): pyproject.toml constraints.txt ci/mlflow-server.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]' --group dev
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/mlflow-server --requirement ci/mlflow-server.txt
	touch $(READY)

$(SITE)/.ready: ci/docs.lock
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --no-deps --require-hashes --requirement ci/docs.lock
	touch $@

# CI's installation: every file by its hash, torch as its CPU build.
# MLflow's server, which a test starts, wants an older pyarrow than everything else: it lies beside the rest, without one of its own.
locked: requirements.lock ci/mlflow-server.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-compile --require-hashes --no-deps --target $(VENV)/mlflow-server --requirement ci/mlflow-server.lock
	$(BIN)/python -W ignore -m compileall -qq -j 0 -x '/(tests|statsmodels|databricks|rllib)/' $(VENV)/lib || true  # on all cores; some files are for other Pythons
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	touch $(READY)

locks:  ## the locks anew, from the versions in constraints.txt, ci/docs.txt and ci/mlflow-server.txt
	$(BIN)/python ci/lock.py

clean:
	rm -rf $(VENV) $(SITE) $(LOWEST) $(VENV)-sbom build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis

comma := ,
