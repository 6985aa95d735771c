"""``retroracer search``: trains many trials, stops the weak ones early, reports the best."""

from __future__ import annotations

import argparse
from pathlib import Path

from retroracer.cli.arguments import add_json, file_to_write, number, seed, whole, write_json
from retroracer.errors import UserError
from retroracer.processes import cores

EXAMPLES = """examples:
  retroracer search --algo ppo --num-samples 6 --max-iters 1000 --finetune-at 500
  retroracer search --algo ppo --skip-asha --max-iters 100 --finetune-at 50
  retroracer search --page base-sac --num-samples 9 --minutes 5
  retroracer search --page my_ranges.yaml --results-dir runs/mine --plot runs/mine/search.png"""

ITERATIONS = "of a trial: rollouts of PPO, or equal parts of its minutes (default 1000)"

CHECKPOINT_EVERY = 10
"""Iterations from one kept zip of a trial from pixels to the next."""

PAGES = {"ppo": "pixels-ppo", "sac": "base-sac"}
"""The search page of each ``--algo``."""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "search",
        description="Draw settings from the ranges on a search page, train a trial with each, stop "
        "weak trials early (ASHA on Ray Tune), and report the best with its page and its model. A "
        "trial is an ordinary run. After a kill at any moment the same command goes on.",
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("--algo", choices=sorted(PAGES), help="search page: ppo from pixels, sac on tracks")
    add("--page", metavar="PAGE", help="another search page: a path, or a name")
    add("--num-samples", type=whole(1, 10_000), default=6, help="trials (default 6)")
    add("--max-iters", type=whole(1, 10**9), default=1000, help=ITERATIONS)
    add("--finetune-at", type=whole(0, 10**9), help="iteration of the second phase")
    for name, what, low, high in (
        ("lr", "learning rate", 1e-8, 1.0),
        ("entropy", "entropy coefficient", 0.0, 100.0),
        ("clip", "clip range", 1e-8, 1.0),
    ):
        text = f"{what} of the second phase"
        add(f"--finetune-{name}", type=number(low, high), help=text)
    add("--minutes", type=number(0.01, 1e6), metavar="M", help="minutes of a trial")
    add("--skip-asha", action="store_true", help="one trial with the page's settings")
    add("--grace", type=whole(1, 10**9), default=15, help="first rung [iterations]")
    add("--reduction", type=number(1.1, 100.0), default=3.0, help="1/X of the trials pass a rung")
    add("--together", type=whole(1, 4096), help="trials at a time (default: one a core)")
    add("--seed", type=seed, default=0, metavar="S", help="seed of the draws and the trials")
    add("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of every trial")
    add("--results-dir", type=Path, metavar="DIR", help="default runs/search-PAGE")
    add("--address", metavar="HOST:PORT", help="Ray cluster; default: this machine")
    add("--plot", type=file_to_write(".png"), help="draw the trials so far, and end")
    add_json(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Search, or draw what a search has found."""
    from retroracer.scale.cluster import demand_ray
    from retroracer.scale.ranges import read_search
    from retroracer.scale.rungs import Record
    from retroracer.scale.search import Plan, plain, search, told

    if args.page is not None and args.algo is not None:
        raise UserError("give --algo or --page, not both")
    name = args.page or PAGES[args.algo or "ppo"]
    page = read_search(name)
    folder = args.results_dir or Path("runs") / f"search-{Path(name).stem}"
    plan = Plan(
        page,
        args.num_samples,
        args.max_iters,
        None if args.skip_asha else args.grace,
        args.reduction,
        args.seed,
        _arguments(args, page.command),
        folder,
        args.together or cores(),
        args.address,
    )
    page.trained_page()
    if args.plot:
        from retroracer.scale.search_plot import plot

        record: Record = plan.record()
        if not record.load():
            raise UserError(f"there is no search in {folder}")
        plot(record, args.plot, args.finetune_at)
        print(f"wrote {args.plot}")
    else:
        demand_ray()
        print(
            f"{len(plan.record().trials)} trials of {page.command} with {page.config}, "
            f"{plan.together} side by side, in {folder}; Ctrl+C stops, the same command goes on",
            flush=True,
        )
        record = search(plan, lambda text: print(text, flush=True))
    for line in told(plan, record):
        print(line)
    write_json(args, plain(record))
    return 0


def _arguments(args: argparse.Namespace, command: str) -> tuple[str, ...]:
    """What every trial's command is given beside its settings."""
    given: list[str] = [part for text in args.set for part in ("--set", text)]
    pixels = command == "train-pixels"
    if pixels:
        given += ["--max-iters", str(args.max_iters), "--checkpoint-every", str(CHECKPOINT_EVERY)]
    for option in ("finetune_at", "finetune_lr", "finetune_entropy", "finetune_clip"):
        value = getattr(args, option)
        if value is not None:
            flag = f"--{option.replace('_', '-')}"
            if not pixels:
                raise UserError(f"{flag} is for ppo from pixels; this searches {command}")
            given += [flag, str(value)]
    if args.minutes is not None:
        given += ["--minutes", str(args.minutes)]
    return tuple(given)
