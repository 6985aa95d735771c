"""``retroracer scale train | actor | status``: a learner with actors on Ray."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from retroracer.cli.arguments import add_json, add_subcommand, number, seed, whole, write_json
from retroracer.cli.run_options import BATCH_SIZE, Option, add_settings
from retroracer.cli.run_places import places_of
from retroracer.cli.start_run import Program, add_options, overrides_of, show_curve, start
from retroracer.errors import UserError
from retroracer.scale.cluster import demand_ray

ADDRESS = "a Ray cluster (ray start --head prints its address)"

OPTIONS = (
    BATCH_SIZE,
    Option(
        "--replay-capacity",
        "LEARNER.buffer_size",
        "transitions kept in the replay",
        whole(1000, 50_000_000),
    ),
    Option(
        "--learning-starts",
        "LEARNER.learning_starts",
        "rows before the first update",
        whole(0, 10**9),
    ),
    Option(
        "--train-every-seconds",
        "stream.train_every_seconds",
        "least time between two rounds of updates",
        number(0.0, 3600.0),
        "S",
    ),
    Option(
        "--updates-per-row",
        "stream.updates_per_row",
        "updates made for each new row",
        number(1e-6, 1000.0),
    ),
    Option("--actors", "stream.actors", "actor processes that the run starts", whole(0, 4096)),
)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the three commands."""
    parser = subparsers.add_parser(
        "scale",
        description="Train with actors in other processes or on other machines, on Ray.",
        epilog="""examples:
  retroracer scale train --algo sac --actors 2 --minutes 10
  retroracer scale status""",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    train = add_subcommand(
        commands,
        "train",
        run_train,
        "train by SAC on what actors drive",
        "scale train --algo sac --actors 2 --minutes 10",
        "         retroracer scale train --env Pendulum-v1 --actors 1 --minutes 5\n"
        "         retroracer scale train --init-from-scratch --obs-dim 80 --act-dim 2",
    )
    add_options(train, "models/scaled.zip", "scale")
    train.add_argument("--address", metavar="HOST:PORT", help=f"{ADDRESS}; default: this machine")
    train.add_argument(
        "--env", metavar="ENV", help="racing, lidar, package.module:make, or a Gymnasium id"
    )
    train.add_argument("--obs-dim", type=whole(1, 100_000), help="numbers in an observation")
    train.add_argument("--act-dim", type=whole(1, 1000), help="numbers in an action")
    train.add_argument(
        "--model-name", metavar="MODEL", help="train a model further, with its spaces"
    )
    train.add_argument(
        "--init-from-scratch", action="store_true", help="a new model, with --obs-dim, --act-dim"
    )
    train.add_argument("--track", nargs="+", metavar="TRACK", help="names or paths; default random")
    train.add_argument("--car", metavar="CAR", help="gt, kart, formula, or a path")
    add_settings(train, OPTIONS)

    actor = add_subcommand(
        commands,
        "actor",
        run_actor,
        "drive any Gymnasium environment for a learner that is running",
        "scale actor --address 127.0.0.1:6379 --env Pendulum-v1 --actor-id 3",
    )
    actor.add_argument("--address", required=True, metavar="HOST:PORT", help=ADDRESS)
    actor.add_argument(
        "--env", required=True, metavar="ENV", help="package.module:make, or a Gymnasium id"
    )
    actor.add_argument(
        "--actor-id",
        type=whole(0, 2**31 - 1),
        required=True,
        metavar="K",
        help="its number, unlike any other",
    )
    actor.add_argument("--run-name", metavar="NAME", help="of the learner, if there are several")
    actor.add_argument(
        "--envs", type=whole(1, 4096), default=1, help="envs side by side (default 1)"
    )
    actor.add_argument(
        "--rollout", type=whole(1, 10_000), default=32, help="steps in a piece that is sent (32)"
    )
    actor.add_argument("--seed", type=seed, metavar="S", help="default: from its number")
    actor.add_argument(
        "--seconds", type=number(0.1, 1e9), metavar="S", help="leave after so long (default never)"
    )

    status = add_subcommand(
        commands,
        "status",
        run_status,
        "show the learners of a cluster and their actors",
        "scale status --address 127.0.0.1:6379",
    )
    status.add_argument("--address", required=True, metavar="HOST:PORT", help=ADDRESS)
    add_json(status)


def run_train(args: argparse.Namespace) -> int:
    """Train with actors."""
    demand_ray()
    sys.path.insert(0, os.getcwd())  # what --env names may lie where the command is called
    if args.model_name is not None:
        if args.parent is not None:
            raise UserError("--model-name and --parent are the same: leave one out")
        args.parent = args.model_name
    if args.init_from_scratch and args.parent is not None:
        raise UserError("--init-from-scratch begins without a parent: leave one of them out")
    overrides, foreign = _env_of(args)
    for name in ("track", "car"):
        if foreign and args.env != "lidar" and getattr(args, name) is not None:
            raise UserError(f"--{name} is for --env racing and --env lidar: leave it out")
    more = [f"track={json.dumps(args.track)}"] if args.track else []
    overrides = [*overrides_of(args, "car"), *overrides, *more]
    _, folder = places_of(args, "scaled")
    return start(args, lambda: _program(args, folder, foreign), "scaled", overrides, "train,scale")


def _env_of(args: argparse.Namespace) -> tuple[list[str], bool]:
    """The simulator as ``--set`` texts; True if it is not our racing task."""
    dims = args.obs_dim is not None or args.act_dim is not None
    if args.init_from_scratch and not (args.obs_dim and args.act_dim) and args.env is None:
        raise UserError("--init-from-scratch needs --obs-dim and --act-dim, or --env")
    if args.env is not None:
        if dims:
            raise UserError("--env tells the spaces: leave --obs-dim and --act-dim out")
        return [f"stream.env={args.env}"], args.env != "racing"
    if dims:
        if not (args.obs_dim and args.act_dim):
            raise UserError("--obs-dim and --act-dim go together")
        return _nobody(args.obs_dim, args.act_dim), True
    if args.parent is not None:
        from retroracer.envs.task import LAYOUT
        from retroracer.training.learners.streamed_task import spaces_of

        layout, observations, actions = spaces_of(args.parent)
        if layout != LAYOUT:
            return _nobody(observations, actions), True
    return [], False


def _nobody(observations: int, actions: int) -> list[str]:
    sizes = f"env: nobody, actors: 0, obs_dim: {observations}, act_dim: {actions}"
    return [f"stream={{{sizes}}}"]


def _program(args: argparse.Namespace, folder: Path, foreign: bool) -> Program:
    from retroracer.scale.train import TableScreen, look, make_task
    from retroracer.training.learners import STREAMED
    from retroracer.training.learners.racing_settings import PROFILES, describe
    from retroracer.training.learners.stream_settings import StreamSettings
    from retroracer.training.run import hardware
    from retroracer.training.run.settings import shipped_page

    screen = TableScreen()

    def size(settings: Any) -> str:
        where = f"on {hardware.machine(settings.device)}: {settings.stream.actors} actors"
        cars = "" if foreign else f" share {settings.cars} cars"
        return f"{where}{cars}; {describe(settings)}"

    def advice(settings: Any, model: Path) -> list[str]:
        if foreign:
            return [f'use it: stable_baselines3.SAC.load("{model}").predict(obs)']
        return [f"measure it:  python -m retroracer evaluate {model} --random 200 --seed 1"]

    return Program(
        STREAMED,
        StreamSettings,
        shipped_page("reference/scale-sac" if foreign else "scale-sac"),
        None if foreign else PROFILES,
        look,
        lambda settings, budget: make_task(settings, budget, folder, args.address, screen),
        size,
        (lambda *told: []) if foreign else show_curve,
        advice,
        screen,
    )


def run_actor(args: argparse.Namespace) -> int:
    """Drive an environment for a learner until it is stopped."""
    demand_ray()
    sys.path.insert(0, os.getcwd())  # what --env names may lie where the command is called
    from retroracer.scale.cluster import join, leave
    from retroracer.scale.driving import AnyEnv
    from retroracer.scale.hub import find_hub
    from retroracer.scale.work import Actor, GoneError

    def say(text: str) -> None:
        print(f"actor {args.actor_id}: {text}", flush=True)

    first = 1000 * (args.actor_id + 1) if args.seed is None else args.seed
    simulator = AnyEnv(args.env, args.envs, first)
    end = float("inf") if args.seconds is None else time.monotonic() + args.seconds
    join(args.address)
    try:
        actor = Actor(simulator, args.actor_id, socket.gethostname(), first, args.rollout, say)

        def over() -> bool:
            return time.monotonic() >= end

        while not over():
            hub = find_hub(args.run_name)
            if hub is None:
                actor.idle()
                continue
            try:
                actor.serve(hub, over)
                if not over():
                    say("the learner has ended")
                    break
            except GoneError:
                say("the learner is gone; waiting for it to come back")
                time.sleep(1.0)
        say(f"{actor.sent} pieces sent")
    finally:
        leave()
    return 0


def run_status(args: argparse.Namespace) -> int:
    """Show every learner of a cluster."""
    demand_ray()
    from rich.console import Console

    from retroracer.scale.cluster import join, leave
    from retroracer.scale.hub import statuses
    from retroracer.scale.table import table_of

    join(args.address)
    try:
        found = statuses()
    finally:
        leave()
    for status in found:
        print(f"learner {status['run']}")
        Console().print(table_of(status))
        for line in status["turned_away"]:
            print(f"refused: {line}")
    if not found:
        print(f"no learner at {args.address}")
    write_json(args, {"learners": found})
    return 0
