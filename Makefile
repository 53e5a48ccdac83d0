# The two commands of the README are `make demo` and `make test`; both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# All tests that need puppet's encoders, so that these are trained once.
STUDIES = $(shell grep -rl puppet_workspace tests --include='test_*.py')

.PHONY: setup demo test test-fast lint bench browser-soak clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.11 ..." >&2; exit 2; }
	@echo "Setting up $(VENV): PyTorch, transformers, JupyterLab, the checks, and a small language model, from your package"
	@echo "index. About 2.7 GB with a CPU build of PyTorch, more with a CUDA build; minutes of silence follow."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[notebooks,generate,cluster,mocap,dev]"
	$(BIN)/zsar doctor --install-lm
	@touch $@

demo: setup
	$(BIN)/zsar demo

# Two processes side by side, one thread each: what trains puppet's encoders takes about as long as all else. Shapes and
# types that annotations state are checked in the tests that train nothing; in those that train, the same calls come
# thousands of times, and checking each takes half as long again.
TRAINING := -m slow --jaxtyping-packages=
test: setup lint
	@export OMP_NUM_THREADS=1; log=$$(mktemp); \
	$(BIN)/python -m pytest $(TRAINING) $(STUDIES) > $$log 2>&1 & studies=$$!; \
	$(BIN)/python -m pytest -m "not slow"; fast=$$?; \
	$(BIN)/python -m pytest $(TRAINING) $(STUDIES:%=--ignore=%); rest=$$?; \
	wait $$studies; studies=$$?; cat $$log; rm -f $$log; test $$((fast + rest + studies)) -eq 0

test-fast: setup
	$(BIN)/python -m pytest -m "not slow"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: setup
	$(BIN)/python -m benchmarks.shift_gcn
	$(BIN)/python -m benchmarks.startup
	$(BIN)/python -m benchmarks.structure
	$(BIN)/python -m benchmarks.skeleton_set_memory
	$(BIN)/python -m benchmarks.ntu_parse
	$(BIN)/python -m benchmarks.primitives --no-required
	$(BIN)/python -m benchmarks.ntu_stages --sizes 500 2000
	$(BIN)/python -m benchmarks.flora_speed --no-required
	$(BIN)/python -m benchmarks.skeleton_context_step --sizes offline --no-required

browser-soak: setup
	$(BIN)/python -m tests.browser.soak

clean:
	rm -rf $(VENV) workspace
