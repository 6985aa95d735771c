"""``retroracer train-pixels``: its options, and what it says and draws."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from retroracer.cli.run_options import PIXEL_OPTIONS, add_settings
from retroracer.cli.start_run import Program, add_options, overrides_of, show_curve, start
from retroracer.errors import UserError, about

EXAMPLES = """examples:
  retroracer train-pixels --algo ppo
  retroracer train-pixels --algo sac-drq --minutes 180 --out models/drq.zip
  retroracer train-pixels --algo dqn --profile 6gb --set dqn.buffer_size=150000
  retroracer train-pixels --algo ppo --parent models/mine-ppo.zip --set ppo.second_phase_at=0
  retroracer train-pixels --algo imitation --out models/taught.zip --set imitation.rounds=24"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "train-pixels",
        description="Train a driver of CarRacing-v3 from its pictures alone, on the fast env; "
        "--algo sac-drq unless it says otherwise (imitation: of an expert that knows the road). "
        "Keeps the best by evaluation. Ctrl+C saves everything; the same command goes on.",
        epilog=EXAMPLES,
    )
    add_options(parser, "models/pixels-ALGO-mine.zip", "pixels")
    parser.add_argument(
        "--skip-asha",
        action="store_true",
        help="changes nothing: this command always trains one run",
    )
    add_settings(parser, PIXEL_OPTIONS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train a driver."""
    algorithm = args.algo or "sac-drq"
    page = f"pixels-{algorithm}"
    name = page if args.config is None or args.algo else args.config.stem
    if args.max_iters is not None and args.steps is not None:
        raise UserError("give --max-iters or --steps, not both")
    overrides = overrides_of(args)
    return start(args, lambda: _program(page), f"{name}-mine", overrides, "train,pixels")


def _program(page: str) -> Program:
    from retroracer.training.learners import PIXELS
    from retroracer.training.learners.pixels import memory_budget
    from retroracer.training.learners.pixels.settings import PixelSettings, profiles_of
    from retroracer.training.learners.pixels.task import Pixels, check_parent
    from retroracer.training.run.hardware import keep_memory
    from retroracer.training.run.settings import shipped_page

    def look(settings: Any) -> str:
        with about("parent"):
            check_parent(settings)
        keep_memory()
        return "CarRacing-v3"

    def size(settings: Any) -> str:
        return memory_budget.describe(settings, memory_budget.demand_room(settings))

    return Program(
        PIXELS,
        PixelSettings,
        shipped_page(page),
        profiles_of(page.removeprefix("pixels-")),
        look,
        lambda settings, budget: Pixels(settings),
        size,
        show_curve,
        _advice,
    )


def _advice(settings: Any, model: Path) -> list[str]:
    return [f"measure it:  python -m retroracer evaluate {model}"]
