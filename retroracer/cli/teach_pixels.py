"""``retroracer train-pixels --algo dagger``: options into settings, one call, a closing word."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from retroracer.cli.train_pixels import missing, of_parent
from retroracer.errors import UserError

if TYPE_CHECKING:
    from retroracer.training.dagger.settings import DaggerRun

_FOREIGN = {"minutes": None, "steps": None, "device": None, "profile": "auto"}


def teach(args: argparse.Namespace, out: Path) -> int:
    """Teach a driver, within a ``session``.

    Args:
        args: of ``train-pixels``.
        out: the driver's file.
    """
    for name, unset in _FOREIGN.items():
        if getattr(args, name) != unset:
            raise UserError(
                f"--{name} does not go with --algo dagger, which learns on the processor and ends "
                "after so many rounds: --set rounds=24 --set steps=500 (of each round)"
            )
    try:
        from retroracer.training.dagger.run import DaggerFolder, Run
        from retroracer.training.dagger.settings import demand_room
        from retroracer.training.pixel_checkpoint import LAYOUT
        from retroracer.training.pixels.machine import keep_memory
        from retroracer.training.run.keeping import Keeper
        from retroracer.training.run.session import say
    except ImportError as error:
        raise missing(error) from None
    settings = _settings(args)
    folder = DaggerFolder(args.runs / out.stem)
    before = None if args.fresh else folder.unfinished()
    resume = before == settings
    if args.resume and not resume:
        why = "it has other settings" if before is not None else "there is none"
        raise UserError(f"--resume: cannot go on with a run in {folder.path}: {why}")
    wanted = demand_room(settings)
    keep_memory()
    if resume:
        print(f"going on with the run in {folder.path}; --fresh would begin anew")
    elif folder.path.exists() and any(folder.path.iterdir()) and not folder.untouched():
        print(f"a new run: the one in {folder.path} is kept in {folder.next_aside()}")
    print(
        f"{settings.rounds} rounds of {settings.drives} drives and {settings.steps} steps of "
        f"{settings.batch}; Ctrl+C stops, the same command goes on with the round it was in\n"
        f"it will take about {wanted / 1e9:.1f} GB of memory",
        flush=True,
    )
    Keeper(out, folder.best, folder.name).stranger(observation_layout=LAYOUT, algorithm="PPO")
    teaching = Run(settings, folder, resume, say)
    teaching.learn()
    if teaching.interrupted:
        say(f"stopped in round {teaching.done}: {folder.kept()}")
        return 0
    if not teaching.put(out):
        say(f"the driver in {out} is as good and stays; this run's is {folder.best}")
    say(f"done: {teaching.driven:,} frames driven, {teaching.student.steps:,} steps; driver: {out}")
    say(f"measure it:  python -m retroracer evaluate {out}")
    return 0


def _settings(args: argparse.Namespace) -> DaggerRun:
    """The page, then options; a parent's network stands."""
    from retroracer import config
    from retroracer.training.dagger.settings import DaggerRun

    shape = of_parent(args.parent) if args.parent else []
    start = config.load(DaggerRun, None, shape, start=DaggerRun())
    overrides = list(args.set)
    for name in ("seed", "parent"):
        if getattr(args, name) is not None:
            overrides.append(f"{name}={getattr(args, name)}")
    return config.load(DaggerRun, args.config, overrides, start=start)
