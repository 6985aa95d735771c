"""``python -m retroracer.training.dagger --out models/carracing.zip``: teach a pixel driver."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from retroracer import config
from retroracer.errors import UserError


def main() -> int:
    """Run the command; 2 for a user's mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m retroracer.training.dagger",
        description="Teach a driver of CarRacing-v3 that sees pixels alone: an expert that knows "
        "the true state tells it at every frame what to do. The same command goes on with a run.",
        epilog="example: python -m retroracer.training.dagger --out models/carracing.zip",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the model (.zip)")
    parser.add_argument("--run", type=Path, metavar="DIR", help="default: runs/NAME")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="such as rounds=10"
    )
    args = parser.parse_args()
    try:
        from retroracer.training.dagger.run import DaggerRun, Run

        settings = config.load(DaggerRun, None, args.set)
        run = Run(
            settings, args.run or Path("runs") / args.out.stem, lambda s: print(s, flush=True)
        )
        run.learn()
        run.save(args.out)
    except UserError as error:
        print(f"retroracer: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(f"model: {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
