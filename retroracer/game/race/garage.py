"""Who can be raced: the drivers there are, the ladder, and a race put together.

Owns ``Setup`` and the finding of models and cars. Reads models without torch; one that is
broken or reads other observations is left out of lists, and told when asked for by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from retroracer.agents.facts import Facts
from retroracer.agents.lookahead import LookaheadPolicy, racer_of
from retroracer.agents.model_file import car_of, read_facts
from retroracer.agents.policy import Policy, demand_layout, load_policy
from retroracer.errors import UserError
from retroracer.game.race.daily import DAILY, daily_track, today
from retroracer.game.settings import Assists
from retroracer.physics.car import Car, load_car
from retroracer.physics.company import MOST_CARS
from retroracer.physics.race import Race
from retroracer.render.palette import RIVALS, Colour
from retroracer.resources import models_dir
from retroracer.track.files import find_track, load_track, shipped_tracks
from retroracer.track.track import Track

LADDER = ("rookie", "club", "pro", "ace")
"""Names of the ladder's drivers, slowest first: earlier and later checkpoints of training."""

DEFAULT = "base"

RACER = "racer"
"""The driver that was trained among others: among solid cars the default where there is one."""

MOST_RIVALS = MOST_CARS - 1


@dataclass(frozen=True, eq=False)
class Setup:
    """A race to be.

    Attributes:
        track: raced on.
        path: of its page, None if it has none.
        policies: of the rivals.
        cars: yours first (unless only watching), then one a rival.
        human: how many people drive: 0 to 2.
        laps: 0 = without end.
        assists: the help you take.
        names: of the rivals, as shown.
        colours: of the rivals' cars; empty = the agents' colour.
        one_start: True if they all start from one place, to be compared.
        solid: True for a race of cars that touch one another; False: a time trial.
    """

    track: Track
    path: Path | None
    policies: tuple[Policy, ...]
    cars: tuple[Car, ...]
    human: int = 1
    laps: int = 3
    assists: Assists = field(default_factory=Assists)
    names: tuple[str, ...] = ()
    colours: tuple[Colour, ...] = ()
    one_start: bool = False
    solid: bool = False


def drivers() -> dict[str, Facts]:
    """Models that can be raced, by name: the default, the ladder from below, then the others."""
    found: dict[str, Facts] = {}
    for path in sorted(models_dir().glob("*.zip")):
        try:
            facts = read_facts(path)
            demand_layout(facts, path)
        except UserError:
            continue
        found[path.stem] = facts
    first = [RACER, DEFAULT, *LADDER]
    order = [n for n in first if n in found] + [n for n in found if n not in first]
    return {name: found[name] for name in order}


def rivals_for(name: str, count: int, track: str = "") -> list[str]:
    """The names of ``count`` rivals, ``name`` first, then the other drivers again and again.

    Drivers trained on other tracks only than ``track`` are left out.
    """
    if count < 1:
        return []
    known = drivers() if count > 1 else {}
    circuits = set(shipped_tracks()) if track else set()
    others = [
        n
        for n, facts in known.items()
        if n != name and (track in facts.tracks or not circuits.intersection(facts.tracks))
    ]
    # The fastest of the ladder first. The one that was asked for comes once, where there are
    # others: looking ahead costs a frame more than driving.
    others.sort(key=lambda n: -LADDER.index(n) if n in LADDER else 1)
    return [name, *islice(cycle(others or [name]), count - 1)]


def default_driver(known: Mapping[str, Facts], track: str = "", solid: bool = True) -> str:
    """Name of the rival that is used if none is given.

    Args:
        known: the ``drivers`` there are.
        track: its name.
        solid: True among solid cars: the driver that sees them. False where nobody touches
            anybody: the track's own specialist. In either case ``base`` where there is none.
    """
    if solid:
        return RACER if RACER in known else DEFAULT
    return track if track in known and known[track].tracks == (track,) else DEFAULT


def why_no_driver(name: str) -> str:
    """Why a driver of ``models/`` cannot be raced, in a line; "" if it can."""
    path = models_dir() / f"{name}.zip"
    if not path.is_file():
        return f"there is no models/{name}.zip; train one with 'python train_base.py'"
    try:
        racer_of(load_policy(path))
    except UserError as error:
        return str(error).splitlines()[0]
    return ""


def put_together(
    track: str | Path,
    model: str = "",
    car: str = "",
    *,
    rivals: int = 1,
    laps: int = 3,
    watch: bool = False,
    assists: Assists | None = None,
    ghosts: bool = False,
    players: int = 1,
) -> Setup:
    """Load what a race needs.

    Args:
        track: name or path, or "daily" for the track of the day.
        model: name or path of the first rival, "" = the default one, nobody if it cannot drive.
        car: yours, "" = the rival's.
        rivals: how many, at most 19 (players and they 20); watching, at least one.
        laps: 0 = without end.
        watch: True if you only watch.
        assists: the help you take.
        ghosts: True for a time trial, where nobody touches anybody; False for solid cars.
        players: how many people drive: 1 or 2.

    Raises:
        UserError: naming what is missing or broken.
    """
    people = 0 if watch else players
    path: Path | None = None
    if str(track) == DAILY:
        built = daily_track(today())
    else:
        path = find_track(track)
        built = load_track(path)
    if not model and (rivals or watch):
        touching = not ghosts and people + max(rivals, 1) > 1
        chosen = (default_driver(drivers(), built.name, touching), DEFAULT)
        model = next((name for name in chosen if not why_no_driver(name)), "")
        if watch and not model:
            raise UserError(f"no driver to watch: {why_no_driver(DEFAULT)}")
    wanted = max(rivals, 1) if watch else rivals
    wanted = min(wanted, MOST_CARS - people)
    names = rivals_for(model, wanted, built.name) if model else []
    loaded: dict[str, Policy] = {}
    for name in dict.fromkeys(names):
        if read_facts(name).observation_layout.startswith("carracing-"):
            raise UserError(
                f"{name} drives CarRacing, no track here: "
                f"watch it with --env carracing --model {name}"
            )
        loaded[name] = racer_of(load_policy(name))
    policies = tuple(loaded[n] for n in names)
    cars = [car_of(p.facts, p.name) for p in policies]
    yours = load_car(car) if car else (cars[0] if cars else load_car())
    cars = [yours] * people + cars
    solid = not ghosts and len(cars) > 1
    if solid:
        make_ready(policies, cars[people:], built)
    shown = [Path(n).stem for n in names]
    twins = [f"{n} {shown[:i].count(n) + 1}" if shown.count(n) > 1 else n for i, n in
             enumerate(shown)]  # fmt: skip
    return Setup(
        built, path, policies, tuple(cars), people, laps, assists or Assists(), tuple(twins),
        tuple(RIVALS[k % len(RIVALS)] for k in range(len(policies))),
        solid=solid,
    )  # fmt: skip


def make_ready(policies: Sequence[Policy], cars: Sequence[Car], track: Track) -> None:
    """Let drivers that look ahead do so once, so that no picture of a race waits for it.

    Each begins to plan for 1, 2, 4, ... of its cars, close together in a race of their own.

    Args:
        policies: N drivers,
        cars: and their N cars.
        track: of the race to be.
    """
    for driver in dict.fromkeys(p for p in policies if isinstance(p, LookaheadPolicy)):
        count = sum(policy is driver for policy in policies)
        car = cars[list(policies).index(driver)]
        for size in sorted({min(2**k, count) for k in range(count.bit_length() + 1)}):
            race = Race([track], car, size + 1, company=size + 1)
            race.place(s=8.0 * np.arange(size + 1), speed=20.0)
            seen = np.zeros((size, driver.n_observations), np.float32)
            driver.drive(seen, race, np.arange(size), np.zeros((size + 1, 2)))
            driver.plan(race, np.inf)
