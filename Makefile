# Each target does all its own set-up in .venv and works twice in a row.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON ?= python3
READY  := $(VENV)/.ready
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: demo test references soak check bench sizes clean help

help:            ## what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY)   ## penguins, from a file to a verdict and a page, in about a minute
	$(BIN)/deepwright fit penguins --target species --time 60s

test: $(READY)   ## every test but the soaks
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not soak"

# Without their dependencies: torchvision asks for another build of torch, and its presence alone breaks other libraries.
references:      ## networks against the libraries that published them, in .venv-references
	test -x .venv-references/bin/python || $(PYTHON) -m venv .venv-references
	.venv-references/bin/python -m pip install -q -U "pip>=25.1"
	.venv-references/bin/python -m pip install -q -c constraints.txt torch
	.venv-references/bin/python -m pip install -q -c constraints.txt -e '.[dev]' huggingface_hub
	.venv-references/bin/python -m pip install -q --no-deps --group references
	OMP_NUM_THREADS=1 .venv-references/bin/python -m pytest tests/networks/test_image_references.py

soak: $(READY)   ## the tests that take many minutes: fifty kills, ten thousand hostile folders, two thousand bad files
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m soak

check: $(READY)  ## lint, types and the fast tests, under three minutes
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not soak"

bench: $(READY)  ## every benchmark, one after the other
	$(BIN)/python benchmarks/all.py

sizes: $(READY)  ## files and functions by length: an alarm, not a game
	$(BIN)/python tests/sizes.py

clean:           ## forget the environment and every cache
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist

# torch first and alone: a dependency resolved before it may bring another build of it.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[frames,excel,control,dev]'
	-$(BIN)/python -m compileall -q -j 2 $(VENV)/lib > /dev/null
	touch $(READY)
