"""``retroracer train-pixels``: options into settings, one call, a closing word."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retroracer.cli.arguments import minutes, seed, steps
from retroracer.errors import UserError

if TYPE_CHECKING:
    from retroracer.training.pixels.settings import PixelRun

PROFILE_NAMES = ("auto", "4gb", "6gb", "8gb", "12gb", "cpu")

EXAMPLES = """examples:
  retroracer train-pixels --algo ppo
  retroracer train-pixels --algo sac-drq --minutes 180 --out models/drq.zip
  retroracer train-pixels --algo dqn --profile 6gb --set off.replay=150000
  retroracer train-pixels --algo ppo --parent models/pixels-ppo.zip --set ppo.stabilise_at=0
  retroracer train-pixels --algo dagger --out models/taught.zip --set rounds=24
  retroracer evaluate models/drq.zip --episodes 0 --plot curve.png --run runs/drq"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "train-pixels",
        help="train a driver of CarRacing-v3 from pixels",
        description="Train a driver of CarRacing-v3 from its pictures alone, on the fast env. "
        "Keeps the best by evaluation. Ctrl+C saves everything; the same command goes on, also "
        "with a longer --minutes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--algo",
        choices=("sac", "sac-drq", "ppo", "dqn", "dagger"),
        default="sac-drq",
        help="what learns (default sac-drq); dagger: taught by an expert that knows the road",
    )
    parser.add_argument("--minutes", type=minutes, metavar="M", help="how long (default 180)")
    parser.add_argument("--steps", type=steps, metavar="N", help="how many actions instead")
    parser.add_argument("--seed", type=seed, metavar="S", help="of everything random (default 0)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to learn")
    parser.add_argument("--parent", metavar="MODEL", help="driver to continue from")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the driver (default models/pixels-ALGO-mine.zip); one that is there already is "
        "replaced only by a better one of the same kind, one that comes with RetroRacer never",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a page of settings")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting"
    )
    parser.add_argument(
        "--profile", choices=PROFILE_NAMES, default="auto", help="size of the run (default auto)"
    )
    parser.add_argument(
        "--runs", type=Path, metavar="DIR", default=Path("runs"), help="where runs are kept"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--fresh", action="store_true", help="begin anew even if a run can go on")
    how.add_argument("--resume", action="store_true", help="go on, or fail if there is no run")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train a driver."""
    out = args.out or Path("models") / f"pixels-{args.algo}-mine.zip"
    # Threads that spin while they wait take the cores from the envs. Both are read when torch
    # is loaded; the allocator's growing segments keep a GPU's memory from falling to pieces.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("PYTORCH_ALLOC_CONF", "expandable_segments:True")
    from retroracer.training.run.session import session
    from retroracer.training.run_folder import RunFolder

    work = _train
    if args.algo == "dagger":
        from retroracer.cli import teach_pixels

        work = teach_pixels.teach
    return session(RunFolder(args.runs / out.stem), out, lambda: work(args, out))


def _train(args: argparse.Namespace, out: Path) -> int:
    try:
        from retroracer.training.hardware import use_cores
        from retroracer.training.pixels import machine
        from retroracer.training.pixels.run import PixelRunFolder, train_pixels
        from retroracer.training.run.session import say
        from retroracer.training.run_folder import goes_on
    except ImportError as error:
        raise missing(error) from None
    settings, profile = _settings(args)
    use_cores(settings.device)
    machine.keep_memory()
    folder = PixelRunFolder(args.runs / out.stem)
    before = None if args.fresh else folder.unfinished()
    resume = before is not None and goes_on(before, settings)
    if args.resume and not resume:
        why = "it has other settings" if before is not None else "there is none"
        raise UserError(f"--resume: cannot go on with a run in {folder.path}: {why}")
    wanted = machine.demand_room(settings)
    budget = f"{settings.minutes:g} minutes" if settings.minutes else f"{settings.steps:,} actions"
    if resume:
        print(f"going on with the run in {folder.path}; --fresh would begin anew")
    elif folder.unfinished_here() and not folder.untouched():
        aside = folder.next_aside()
        print(f"a new run: the one in {folder.path} is kept in {aside}")
    print(f"{settings.algorithm} for {budget}; Ctrl+C saves everything, the same command goes on")
    print(machine.describe(settings, profile, wanted), flush=True)
    outcome = train_pixels(settings, out, folder, resume)
    minutes = outcome.seconds / 60.0
    for note in outcome.notes:
        say(note)
    if outcome.interrupted:
        say(f"stopped after {minutes:.1f} minutes: {folder.kept()}")
        return 0
    say(f"done: {outcome.steps:,} actions in {minutes:.1f} minutes; driver: {outcome.path}")
    say("a longer --minutes (or --steps) goes on from here")
    say(f"measure it:  python -m retroracer evaluate {outcome.path}")
    say(f"its curve:   python -m retroracer evaluate {outcome.path} --episodes 0 "
        f"--plot curve.png --run {folder.path}")  # fmt: skip
    return 0


def missing(error: ImportError) -> UserError:
    """The error of a library that is not installed."""
    return UserError(
        f"training from pixels needs {error.name}; install it with: "
        "pip install 'retroracer[train,pixels]'"
    )


def _settings(args: argparse.Namespace) -> tuple[PixelRun, str]:
    """Settings and the profile's name: the algorithm's, profile, parent, page, then options."""
    from retroracer import config
    from retroracer.training.pixels import machine
    from retroracer.training.pixels.settings import STARTS, PixelRun

    device = args.device or "auto"
    profile = machine.profile_of(args.profile, device)
    start = STARTS[args.algo]
    start = config.load(PixelRun, None, profile.overrides(start.algorithm), start=start)
    overrides = of_parent(args.parent) if args.parent else []
    start = config.load(PixelRun, None, overrides, start=start)
    overrides = list(args.set)
    for name in ("minutes", "steps", "seed", "device", "parent"):
        value: Any = getattr(args, name)
        if value is not None:
            overrides.append(f"{name}={value}")
    if args.steps is not None and args.minutes is None:
        overrides.append("minutes=null")
    settings = config.load(PixelRun, args.config, overrides, start=start)
    if settings.algorithm != start.algorithm:
        raise UserError(f"{args.config} is a page of {settings.algorithm}; give that --algo")
    return settings, profile.name


def of_parent(parent: str) -> list[str]:
    """A parent's network stands: its shape, as settings."""
    from retroracer import config
    from retroracer.training.pixel_checkpoint import read_records

    network = config.to_dict(read_records(parent).network)
    return [f"network.{name}={_text(value)}" for name, value in network.items()]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
