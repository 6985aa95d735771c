"""Train a driver on endless random tracks. Options: python train_base.py --help."""

import sys

from retroracer.cli import main

if __name__ == "__main__":
    sys.exit(main(["train-base", *sys.argv[1:]]))
