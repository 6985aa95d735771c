# The README's commands. Everything is installed into .venv, once.
PYTHON ?= $(shell command -v python3.13 || command -v python3.12 || command -v python3.11 || command -v python3)
BIN := .venv/bin
MINUTES ?= 5

.PHONY: help train test bench play check clean

help:
	@echo "make train   install, train a small driver for $(MINUTES) minutes, measure it, draw its lap"
	@echo "make play    race the shipped driver at Monza"
	@echo "make test    install, lint, check types, run the tests"
	@echo "make bench   measure the simulator beside its peers"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "RetroRacer needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Say make PYTHON=/path/to/python3.11"; exit 2; }
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
	$(BIN)/python -m retroracer evaluate models/mine.zip --tracks copper_bowl monza --picture runs/lap.png

play: .venv/train.stamp
	$(BIN)/python play.py

test: .venv/train,pixels,dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

bench: .venv/train,bench.stamp
	$(BIN)/python -m retroracer bench

clean:
	rm -rf .venv runs build dist .mypy_cache .pytest_cache .ruff_cache
