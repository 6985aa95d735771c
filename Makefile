# The README's commands. Everything is installed into .venv, once.
# The first Python that really runs and is new enough; a name on the path may be an empty shim.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
  $$p -c '$(NEW_ENOUGH)' >/dev/null 2>&1 && echo $$p && break; done)
BIN := .venv/bin
MINUTES ?= 9

# Tests run side by side, a file to a worker so that its fixtures are made once; longest files first.
PARALLEL := -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

NAME ?= list

.PHONY: help experiments train test check lint docs bench play clean

help:
	@echo "make train   install, train a small driver for $(MINUTES) minutes, measure it, draw its lap"
	@echo "make play    race the shipped driver at Monza"
	@echo "make experiments [NAME=sac]   the reference systems: list them, or start one"
	@echo "make test    install, lint, check types, run the tests"
	@echo "make check   the same with the quick tests alone"
	@echo "make docs    pages of the docs and of the code, in runs/site"
	@echo "make bench   measure the simulator beside its peers"

$(BIN)/python:
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(NEW_ENOUGH)' || \
	  { echo "RetroRacer needs Python 3.11 or later. Install it, or say make PYTHON=/path/to/python3.11"; exit 2; }
	@$(PYTHON) -m venv .venv || \
	  { echo "No venv module: install it (Debian, Ubuntu: apt-get install python3-venv), then make again"; rm -rf .venv; exit 2; }
	@$(BIN)/python -m pip install --quiet --upgrade pip

# One stamp for each set of extras: installed again only when the pins or the project change.
.venv/%.stamp: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing retroracer[$*] ..."
	@$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[$*]'
	@touch $@

train: .venv/train.stamp
	$(BIN)/python train_base.py --minutes $(MINUTES) --out models/mine.zip
	$(BIN)/python -m retroracer evaluate models/mine.zip --random 20 --seed 1
	$(BIN)/python -m retroracer evaluate models/mine.zip --tracks copper_bowl monza --plot runs/lap.png

play: .venv/train.stamp
	$(BIN)/python play.py

experiments: .venv/train,pixels.stamp
	$(BIN)/python -m retroracer experiments $(NAME)

lint: .venv/train,pixels,scale,dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest $(PARALLEL)

check: lint
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow" --durations=9 --durations-min=1

# NO_MKDOCS_2_WARNING: the theme's advertisement would hide the one line that matters.
docs: .venv/docs.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "open runs/site/index.html (with search: python3 -m http.server -d runs/site)"

bench: .venv/train,pixels,bench.stamp
	$(BIN)/python -m retroracer bench
	$(BIN)/python -m retroracer bench --pixels
	$(BIN)/python -m retroracer bench --learning
	$(BIN)/python -m retroracer bench --race

clean:
	rm -rf .venv runs build dist .mypy_cache .pytest_cache .ruff_cache
