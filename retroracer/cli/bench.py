"""``retroracer bench``: environment steps per second, beside stock peers in the same run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from retroracer.cli.arguments import file_to_write, whole
from retroracer.errors import UserError

EXAMPLES = """examples:
  python -m retroracer bench
  python -m retroracer bench --quick --json bench.json
  python -m retroracer bench --pixels
  python -m retroracer bench --learning
  python -m retroracer bench --race"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "bench",
        description="Measure environment steps per second of the batched and the single env, "
        "beside Gymnasium's CartPole and highway-env's racetrack, in the same run.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("--json", type=file_to_write(), help="also write the figures here")
    add("--repeats", type=whole(1, 1000), default=5, help="measurements of each (default 5)")
    add("--quick", action="store_true", help="a tenth of the steps")
    add("--pixels", action="store_true", help="measure CarRacing-v3 beside Gymnasium's own instead")
    add("--learning", action="store_true", help="measure updates beside Stable-Baselines3's SAC")
    add("--race", action="store_true", help="measure races of several solid cars instead")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the benchmark of the checkout this package lies in."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / "benchmarks" / "bench_env.py").is_file():
        raise UserError(
            "bench: the benchmarks are not part of an installed package; "
            "run the command in a checkout of the project"
        )
    sys.path.insert(0, str(folder))
    if args.learning:
        from benchmarks.bench_learning import main as measure_learning

        measure_learning(args.repeats, args.quick, args.json)
        return 0
    if args.race:
        from benchmarks.bench_race import main as measure_races

        return measure_races(args.repeats, args.quick, args.json)
    if args.pixels:
        from benchmarks.bench_carracing import main
    else:
        from benchmarks.bench_env import main

    asked = ["--repeats", str(args.repeats)]
    asked += ["--quick"] if args.quick else []
    asked += ["--json", str(args.json)] if args.json else []
    return main(asked)
