"""Race a trained driver: python play.py --track monza. Options: python play.py --help."""

import sys

from retroracer.cli import main

if __name__ == "__main__":
    sys.exit(main(["play", *sys.argv[1:]]))
