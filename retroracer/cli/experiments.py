"""``retroracer experiments``: the reference systems by name, and the memory that runs take.

Owns the list of names; what they are stands in ``configs/reference``.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from retroracer.cli.arguments import Parser, number
from retroracer.errors import UserError
from retroracer.tables import print_table

EXAMPLES = """examples:
  retroracer experiments
  retroracer experiments sac --seed 1
  retroracer experiments ppo-baseline --total-timesteps 100000
  retroracer experiments monitor --every 10"""


@dataclass(frozen=True)
class Experiment:
    """A reference system: its command, its page in ``configs/reference``, options beside it."""

    command: str
    page: str
    help: str
    options: tuple[str, ...] = ()


EXPERIMENTS = {
    "sac": Experiment("train-pixels", "pixels-sac-drq", "SAC+DrQ, 2 million steps"),
    "sac-lowmem": Experiment(
        "train-pixels",
        "pixels-sac-drq",
        "the same with a replay of 20,000 frames",
        ("--replay-size", "20000"),
    ),
    "sac-6gb": Experiment("train-pixels", "pixels-sac-6gb", "SAC for 6 GB of GPU memory"),
    "ppo-baseline": Experiment(
        "train-pixels",
        "pixels-ppo",
        "PPO without reward normalisation, 1 million steps",
        ("--no-norm-reward",),
    ),
    "ppo-norm": Experiment("train-pixels", "pixels-ppo", "PPO with reward normalisation"),
    "ppo-two-phase": Experiment(
        "train-pixels", "pixels-ppo-two-phase", "PPO in two phases, 1000 iterations"
    ),
    "dqn": Experiment("train-pixels", "pixels-dqn", "DQN, five actions"),
    "driver-sac": Experiment("train-base", "sac-driver", "SAC of the driver, 1.5 million steps"),
}
"""Experiments by name: those of ``run_experiments.sh``, then others."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    width = max(map(len, EXPERIMENTS))
    lines = [f"  {name:<{width}}  {e.help}" for name, e in EXPERIMENTS.items()]
    lines += [f"  {'monitor':<{width}}  memory and progress of the runs in progress"]
    parser = subparsers.add_parser(
        "experiments",
        description="Start one of the reference systems of configs/reference by name. Options "
        "behind the name are those of train-pixels or train-base; the model is "
        "models/reference-NAME.zip.\n\nnames:\n" + "\n".join(lines),
        epilog=EXAMPLES,
        usage="retroracer experiments [NAME | monitor | list | help] [OPTION ...]",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="one of those above")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="OPTION", help="of the command")
    parser.set_defaults(run=lambda args: run(args, parser))


def run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """List, start or watch."""
    if args.name == "help":
        print(parser.format_help(), end="")
        return 0
    if args.name in (None, "list"):
        rows = [
            (n, e.help, " ".join((e.command, "--config", str(_page(e)), *e.options)))
            for n, e in EXPERIMENTS.items()
        ]
        print_table(("name", "what", "the same as: retroracer"), [rows], left=3)
        return 0
    if args.name == "monitor":
        return monitor(args.rest)
    if args.name not in EXPERIMENTS:
        raise UserError(
            f"no experiment {args.name!r:.40}; there are: {', '.join(EXPERIMENTS)}, monitor"
        )
    from retroracer.cli import run_command

    chosen = EXPERIMENTS[args.name]
    start = [chosen.command, "--config", str(_page(chosen)), "--run-name", f"reference-{args.name}"]
    return run_command([*start, *chosen.options, *args.rest])


def _page(experiment: Experiment) -> Path:
    """Path of the page, relative to the working folder if it lies below."""
    from retroracer.resources import configs_dir

    page = configs_dir() / "reference" / f"{experiment.page}.yaml"
    return page.relative_to(Path.cwd()) if page.is_relative_to(Path.cwd()) else page


def monitor(arguments: list[str]) -> int:
    """Show the runs in progress, once or repeatedly."""
    parser = Parser(
        prog="retroracer experiments monitor",
        description="Show memory and progress of the runs in progress.",
    )
    parser.add_argument(
        "--runs",
        "--results-dir",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="folder of the runs' folders (default runs)",
    )
    parser.add_argument(
        "--every", type=number(0.1, 86400.0), metavar="S", help="again every S seconds"
    )
    args = parser.parse_args(arguments)
    while True:
        _show(args.runs)
        if args.every is None:
            return 0
        time.sleep(args.every)


def _show(runs: Path) -> None:
    from retroracer.training.run.hardware import family, gigabytes, memory_free, ram_of
    from retroracer.training.run.lock import owner_of
    from retroracer.training.run.tracking import last_row

    try:
        folders = sorted(p for p in runs.iterdir() if (p / "settings.yaml").is_file())
    except OSError:
        folders = []
    rows = []
    for folder in folders:
        pid = owner_of(folder)
        if pid is None:
            continue
        last = last_row(folder)
        told = [f"{last[n]:,.0f}" if n in last else "" for n in ("seconds", "steps")]
        told += [f"{last['episode_return']:.1f}" if "episode_return" in last else ""]
        rows.append((folder.name, str(pid), gigabytes(ram_of(family(pid))), *told))
    free = memory_free()
    if not rows:
        print(f"no run is in progress in {runs}; {free}", flush=True)
        return
    print_table(
        ("run", "process", "memory", "seconds", "steps", "return"), [rows], left=1, caption=free
    )
