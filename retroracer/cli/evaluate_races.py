"""``retroracer evaluate --race``: drivers measured against one another. Owns options and table."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from retroracer.cli.arguments import refuse, whole, write_json
from retroracer.errors import UserError
from retroracer.physics.company import MOST_CARS
from retroracer.tables import busy, print_table

if TYPE_CHECKING:
    from retroracer.track.track import Track
    from retroracer.training.judging.races import Racer

_TAKEN = {
    "models", "race", "grid", "laps", "seeds", "seed", "car", "tracks", "random", "surveyed",
    "json", "no_render", "vecnorm",
}  # fmt: skip

GRIDS = ("all", "last", "first", "given")

MOST_ALL = 6
"""Most drivers for ``--grid all``: 6 have 720 orders, each a race per track and day."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them to the command."""
    group = parser.add_argument_group(
        "races of solid cars", "every race starts standing; its cars differ a little day by day"
    )
    add = group.add_argument
    add(
        "--race",
        nargs="+",
        metavar="MODEL",
        help="2 to 20 drivers that race one another; a name may come more than once. 'follower' "
        "never yields, 'braker' brakes at random",
    )
    add(
        "--grid",
        choices=GRIDS,
        help="orders of the grid: all, or the first driver last, first, or as given (default all)",
    )
    add("--laps", type=whole(1, 1000), help="of a race (default 3)")
    add(
        "--seeds",
        type=whole(1, 10_000),
        help="days each track is raced on, with other grip, power and mass (default 1)",
    )


def concerns(args: argparse.Namespace, parser: argparse.ArgumentParser) -> bool:
    """Whether races are asked for; refuses options that do not go with it."""
    if args.race is None:
        for name in ("grid", "laps", "seeds"):
            if getattr(args, name) is not None:
                raise UserError(f"--{name} goes with --race, which was not given")
        return False
    if args.models or args.checkpoint:
        raise UserError("name the drivers of a race after --race alone, the first one first")
    refuse(args, parser, {a.dest for a in parser._actions} - _TAKEN, "--race")
    if not 2 <= len(args.race) <= MOST_CARS:
        raise UserError(f"--race: name 2 to {MOST_CARS} drivers, not {len(args.race)}")
    if (args.grid or "all") == "all" and len(set(args.race)) > MOST_ALL:
        raise UserError(
            f"--grid all: of {len(set(args.race))} different drivers there are too many orders; "
            "take --grid given or last"
        )
    return True


def run(args: argparse.Namespace, tracks: list[Track]) -> int:
    """Race, write what was asked for, print a table."""
    from retroracer.training.judging import races

    racers = [_racer(name, args.car, tracks) for name in args.race]
    names = [racer.name for racer in racers]
    labels = labelled(names)
    grid: races.Grid = args.grid or "all"
    laps, days = args.laps or 3, args.seeds or 1
    numbers = range(args.seed, args.seed + days)
    per_day = len(tracks) * len(races.orders(names, grid))
    with busy(f"{per_day * days} races ...") as say:
        raced = races.race(
            racers, tracks, grid, laps, numbers,
            lambda done, count: say(f"{done * per_day} of {count * per_day} races"),
        )  # fmt: skip
    found: list[dict[str, Any]]
    found = [{"driver": label, "model": name} for label, name in zip(labels, names, strict=True)]
    found = [f | races.figures(raced, k) for k, f in enumerate(found)]
    try:
        skills = races.ratings(raced, len(racers))
        found = [f | {"rating": skill} for f, skill in zip(found, skills, strict=True)]
    except ImportError:
        print("no ratings: they need openskill; pip install 'retroracer[race]'")
    page = {
        "race": {"drivers": labels, "tracks": [t.name for t in tracks], "grid": grid,
                 "laps": laps, "seeds": list(numbers), "races": len(raced)},
        "drivers": found,
        "races": [races.plain(race, tracks, labels) for race in raced],
    }  # fmt: skip
    write_json(args, page)
    _print(found, len(raced), laps)
    return 0


def labelled(names: list[str]) -> list[str]:
    """The names, numbered from the second of each on."""
    labels: list[str] = []
    for k, name in enumerate(names):
        before = names[:k].count(name)
        labels.append(f"{name} ({before + 1})" if before else name)
    return labels


def _racer(name: str, car: str | None, tracks: list[Track]) -> Racer:
    from retroracer.agents.model_file import car_of
    from retroracer.agents.race_drivers import driver_of
    from retroracer.physics.car import load_car
    from retroracer.training.judging.races import Racer

    made = load_car(car or "gt")
    driver: Any = driver_of(name, tracks, made)
    facts = getattr(driver, "facts", None)
    if facts is not None and car is None:
        made = car_of(facts, driver.name)
    return Racer(getattr(driver, "name", name), driver, made)


def _print(found: list[dict[str, Any]], count: int, laps: int) -> None:
    rows = []
    for f in found:
        low, high = f["win_interval"]
        lost = f["time_lost_s"]
        rating = f.get("rating")
        rows.append(
            (
                f["driver"],
                f"{f['wins']}/{f['races']}",
                f"{f['win_rate']:.0%} ({low:.0%} to {high:.0%})",
                f"{f['places_gained']:+.2f}",
                f"{f['finished']}/{f['races']}",
                f"{f['contacts_per_100km']:.1f}",
                f"{f['contacts_at_fault_per_100km']:.1f}",
                "-" if lost is None else f"{lost:+.2f} s",
                "-" if rating is None else f"{rating['mu']:.1f} ± {rating['sigma']:.1f}",
            )
        )
    print_table(
        ("driver", "wins", "share (95 %)", "places gained", "finished", "contacts/100 km",
         "at fault/100 km", "lost to alone", "rating"),
        [rows],
        caption=f"{count} races of {laps} laps from a standing start, solid cars",
    )  # fmt: skip
