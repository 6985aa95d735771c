"""``python -m retroracer COMMAND``."""

import sys

from retroracer.cli import main

if __name__ == "__main__":
    sys.exit(main())
