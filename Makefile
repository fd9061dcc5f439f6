# `make` alone lists what there is. Every target builds what it needs in .venv first, once, and again only when
# pyproject.toml or constraints.txt change. Nothing outside this folder is touched. Paths are relative throughout, so that
# a checkout whose path has spaces works.

# The first Python that is new enough; `make PYTHON=/path/to/python3.13 ...` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV ?= .venv
ARGS ?=

PY = "$(VENV)/bin/python"
PIP = $(PY) -m pip install -q -q -c constraints.txt
# Each test process computes on one thread: pytest-xdist already starts one process a core.
ONE_THREAD = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
PYTEST = $(ONE_THREAD) $(PY) -m pytest -n auto

# Scripts in an environment hold its absolute path: a checkout that was moved gets a new environment.
HERE := $(shell pwd | cksum | cut -d ' ' -f 1)
BASE = $(VENV)/made-$(HERE)
TOUR = $(VENV)/tour-$(HERE)
DEV = $(VENV)/dev-$(HERE)
PARITY = $(VENV)/parity-$(HERE)
BENCH = $(VENV)/bench-$(HERE)
LESSONS = $(VENV)/lessons-$(HERE)

.DEFAULT_GOAL := help
.PHONY: help tour lab lessons test test-slow test-all test-gpu lint bench bench-peers bench-gpu parity mutants clean

help:    ## this list
	@echo "tinyllm: a textbook of large language models that runs"
	@echo
	@sed -n 's/^\([a-z-]*\): .*## \(.*\)/  make \1|\2/p; s/^\([a-z-]*\):  *## \(.*\)/  make \1|\2/p' Makefile \
		| awk -F '|' '!seen[$$1]++ { printf "%-18s %s\n", $$1, $$2 }'
	@echo
	@echo "ARGS passes options on: make tour ARGS=--quick, make test ARGS='-k softmax'."
	@echo "Start with: make tour"

tour: $(TOUR)    ## learn a tokenizer, train models on real text, write a report (minutes; ARGS=--quick: under one)
	@echo "== The tour: from text to a model that writes and classifies"
	@"$(VENV)/bin/tinyllm" tour $(ARGS)

lab: $(LESSONS)    ## open the lessons in JupyterLab, at their table of contents
	@echo "== The lessons (Ctrl-C twice ends JupyterLab)"
	@$(PY) -m jupyter lab --LabApp.default_url=/lab/tree/lessons/README.md $(ARGS)

lessons: $(LESSONS)    ## run all lessons and refresh their notebooks (ARGS=12_attention: one; ARGS=--check: compare only)
	@echo "== The lessons"
	@$(PY) lessons/build.py $(ARGS)
	@echo "== Done. Next: make lab opens them."

test: $(DEV)    ## the property tests
	@echo "== Tests"
	@$(PYTEST) $(ARGS)
	@echo "== All tests pass. Next: make test-all adds the slow ones, make parity compares with PyTorch."

test-slow: $(DEV)    ## the slow ones alone: training killed and resumed, published recipes, every mistake of every exercise
	@echo "== Slow tests"
	@HYPOTHESIS_PROFILE=thorough $(PYTEST) -m "slow and not parity" $(ARGS)
	@echo "== All slow tests pass. Next: make parity compares with PyTorch."

test-all: $(DEV)    ## fast and slow, with more random examples, drawn anew each time
	@echo "== All tests, thoroughly"
	@HYPOTHESIS_PROFILE=thorough $(PYTEST) -m "not parity" $(ARGS)
	@echo "== All tests pass. Next: make parity compares with PyTorch, make mutants tests the tests."

lint: $(DEV)    ## style (ruff) and types (mypy)
	@echo "== Style and types"
	@$(PY) -m ruff check .; style=$$?; $(PY) -m mypy && exit $$style
	@echo "== Clean. Next: make test."

bench: $(DEV)    ## measure everything side by side (over half an hour; ARGS=--quick: minutes), with the peers that are installed
	@echo "== Benchmarks"
	@$(PY) -m tests.benchmarks $(ARGS)
	@echo "== Done. Next: make bench ARGS=--help lists the sections, make bench-peers installs what to compare with."

bench-peers: $(BENCH)    ## install what make bench compares with: PyTorch, JAX, HIPS autograd, tokenizers (large)
	@echo "== The peers are installed. Next: make bench."

parity: $(PARITY)    ## compare every operation with PyTorch (installs torch)
	@echo "== Parity with PyTorch"
	@$(PYTEST) -m parity $(ARGS)
	@echo "== Equal within rounding. Next: make bench compares the speed."

test-gpu: $(DEV)    ## the same properties on an NVIDIA GPU, with CuPy itself (installs CuPy)
	@echo "== Tests on a GPU"
	@$(PY) -m tests.gpu --driver
	@$(PY) -c "import cupy" 2>/dev/null || { echo "== Installing CuPy"; $(PIP) -e ".[gpu]"; }
	@$(PY) -m tests.gpu
	@$(ONE_THREAD) $(PY) -m pytest -m gpu $(ARGS)
	@echo "== All tests pass on the GPU. Next: make bench-gpu."

bench-gpu: $(DEV)    ## time a training step on an NVIDIA GPU: float32, TF32, bfloat16, against PyTorch if it is installed
	@echo "== Benchmarks on a GPU"
	@$(PY) -m tests.gpu --driver
	@$(PY) -c "import cupy" 2>/dev/null || { echo "== Installing CuPy"; $(PIP) -e ".[gpu]"; }
	@$(PY) -m tests.benchmarks.gpu $(ARGS)

mutants: $(DEV)    ## break the derivative rules and formulas one at a time: some test must notice each
	@echo "== Mutants"
	@$(ONE_THREAD) $(PY) -m tests.mutants $(ARGS)
	@echo "== Done. Next: a survivor listed above needs a test, or a reason."

clean:    ## remove the environment, caches and runs/
	rm -rf "$(VENV)" runs dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "== Clean. Next: make tour, or make test."

$(BASE):
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "tinyllm needs Python 3.11 or newer; $(or $(PYTHON),python3) is $$("$(or $(PYTHON),python3)" --version 2>&1 || true)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "== Making the environment $(VENV) with $$("$(PYTHON)" --version) (once)"
	@"$(PYTHON)" -m venv --clear "$(VENV)" || { rm -rf "$(VENV)"; \
		echo "$(PYTHON) has no working venv module: install it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@touch $@

$(TOUR): $(BASE) pyproject.toml constraints.txt
	@echo "== Installing what the tour needs: numpy, tqdm, safetensors, threadpoolctl, matplotlib"
	@$(PIP) -e ".[train,viz]"
	@touch $@

$(DEV): $(BASE) pyproject.toml constraints.txt
	@echo "== Installing what the tests need: the above with pytest, hypothesis, ruff, mypy"
	@$(PIP) -e ".[dev]"
	@touch $(TOUR) $@

# jupyterlab.json: Markdown opens as a page, not as source, and nobody is asked about news.
$(LESSONS): $(BASE) pyproject.toml constraints.txt lessons/jupyterlab.json
	@echo "== Installing what the lessons need: the tour's packages with JupyterLab, jupytext, hypothesis (large)"
	@$(PIP) -e ".[lessons]"
	@mkdir -p "$(VENV)/share/jupyter/lab/settings" && cp lessons/jupyterlab.json "$(VENV)/share/jupyter/lab/settings/overrides.json"
	@touch $(TOUR) $@

$(PARITY): $(DEV)
	@echo "== Installing PyTorch, to compare with (large)"
	@$(PIP) -e ".[dev,parity]"
	@touch $@

$(BENCH): $(DEV)
	@echo "== Installing PyTorch, JAX, HIPS autograd and tokenizers, to compare with (large)"
	@$(PIP) -e ".[bench]"
	@touch $@
