"""Make a driver a specialist of one track: python fine_tune.py --track monza.yaml."""

import sys

from retroracer.cli import main

if __name__ == "__main__":
    sys.exit(main(["fine-tune", *sys.argv[1:]]))
