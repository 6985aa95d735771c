"""``retroracer train-base`` and ``fine-tune``: options into settings, one call, a closing word."""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from retroracer.errors import UserError

if TYPE_CHECKING:
    from retroracer.training.run_settings import RunSettings

BASE_EXAMPLES = """examples:
  python train_base.py
  python train_base.py --minutes 3 --out models/quick.zip
  python train_base.py --car kart --set sac.gamma=0.985 --set cars=256"""

FINE_EXAMPLES = """examples:
  python fine_tune.py --track monza.yaml
  python fine_tune.py --track my_track.yaml --parent models/mine.zip --minutes 10"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both commands."""
    base = subparsers.add_parser(
        "train-base",
        help="train a driver on endless random tracks",
        description="Train a driver that laps tracks it never saw, with SAC on endless random "
        "tracks. Keeps the best by evaluation on unseen tracks; Ctrl+C saves and ends.",
        epilog=BASE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _shared(base, "models/mine.zip")
    base.set_defaults(run=run_base)
    fine = subparsers.add_parser(
        "fine-tune",
        help="make a driver a specialist of one track",
        description="Let a trained driver practise one track at a lower learning rate. Keeps "
        "the best lap's driver; Ctrl+C saves and ends.",
        epilog=FINE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fine.add_argument("--track", required=True, metavar="TRACK", help="name, or path of a YAML")
    fine.add_argument(
        "--parent", metavar="MODEL", help="name or path of the driver to start from (default base)"
    )
    _shared(fine, "models/TRACK.zip")
    fine.set_defaults(run=run_fine)


def _shared(parser: argparse.ArgumentParser, out: str) -> None:
    parser.add_argument("--minutes", type=float, metavar="M", help="how long to train")
    parser.add_argument("--steps", type=int, metavar="N", help="how many steps instead")
    parser.add_argument("--seed", type=int, metavar="S", help="of everything random (default 0)")
    parser.add_argument("--car", metavar="CAR", help="gt, kart, formula, or a path")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to learn")
    parser.add_argument("--out", type=Path, metavar="FILE", help=f"the model (default {out})")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a page of settings")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting"
    )
    parser.add_argument(
        "--logs", type=Path, metavar="DIR", default=Path("runs"), help="TensorBoard's folder"
    )


def run_base(args: argparse.Namespace) -> int:
    """Train a generalist."""
    from retroracer.training.run_settings import RunSettings

    return _run(args, RunSettings(), args.out or Path("models/mine.zip"))


def run_fine(args: argparse.Namespace) -> int:
    """Train a specialist."""
    from retroracer.training.run_settings import FINE_TUNING

    args.set += [f"track={args.track}"] + ([f"parent={args.parent}"] if args.parent else [])
    return _run(args, FINE_TUNING, args.out or Path("models") / f"{Path(args.track).stem}.zip")


def _settings(args: argparse.Namespace, start: RunSettings) -> RunSettings:
    from retroracer import config

    overrides = list(args.set)
    for name in ("minutes", "steps", "seed", "car", "device"):
        value = getattr(args, name)
        if value is not None:
            overrides.append(f"{name}={value}")
    if args.steps is not None and args.minutes is None:
        overrides.append("minutes=null")
    return config.load(type(start), args.config, overrides, start=start)


def _run(args: argparse.Namespace, start: RunSettings, out: Path) -> int:
    if out.suffix != ".zip":
        raise UserError(f"--out {out}: a model is a .zip")
    settings = _settings(args, start)
    # Threads that spin while they wait stop one another on a machine that does anything else:
    # 2 to 7 updates a second instead of 15 to 30 on two busy cores. Read when torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from retroracer.training.train import threads, train
    except ImportError as error:
        raise UserError(
            f"training needs {error.name}; install it with: pip install 'retroracer[train]'"
        ) from None
    threads(settings.device)
    what = settings.track or "endless random tracks"
    budget = f"{settings.minutes:g} minutes" if settings.minutes else f"{settings.steps:,} steps"
    print(f"training on {what} for {budget}; Ctrl+C saves and ends", flush=True)
    log_dir = args.logs / f"{out.stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    outcome = train(settings, out, log_dir)
    minutes = outcome.seconds / 60.0
    print(
        f"{'stopped' if outcome.interrupted else 'done'}: {outcome.steps:,} steps in "
        f"{minutes:.1f} minutes; model: {outcome.path}"
    )
    track = settings.track or "monza"
    print(f"race it:     python play.py --track {track} --model {outcome.path}")
    print(f"measure it:  python -m retroracer evaluate {outcome.path} --random 200 --seed 1")
    return 0
