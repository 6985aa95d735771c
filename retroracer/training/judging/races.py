"""Judging drivers against one another: races of solid cars, every order of the grid.

Owns the protocol and its figures. Every race is driven twice: by solid cars, and by the same cars
as ghosts, each alone on the road; the difference is what company costs. Nothing is left to chance
but the day's grip and each car's power and mass, which the day's number decides.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from retroracer.envs.crew import Crew
from retroracer.envs.race_batch import RaceBatch
from retroracer.envs.race_rules import RacePage
from retroracer.envs.task import EVALUATION_STALL, Ending
from retroracer.envs.variety import N_DRAWS, Variety
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.company import AT_FAULT, CONTACTS
from retroracer.track.geometry import Array
from retroracer.track.track import Track

DAY = Variety(grip=(0.97, 1.0), mass=(0.99, 1.01), power=(0.99, 1.01))
"""What differs from day to day: grip is that of all cars, mass and power each car's own."""

OFF_TRACK = 10.0
"""Seconds beyond track limits, without a break, after which a car is out."""

SLOWEST, GRACE = 8.0, 60.0
"""Mean speed [m/s] a race must exceed, beside so many seconds, before it is ended."""

Z = 1.959964
"""Of a confidence of 95 %."""

Grid = Literal["all", "last", "first", "given"]


@dataclass(frozen=True)
class Racer:
    """A driver, as ``envs.crew.Crew`` takes it, with the name of its model and the car it races."""

    name: str
    driver: Any
    car: Car


@dataclass(frozen=True)
class Start:
    """A race to be driven: track and day by their numbers, racers in order of the grid."""

    track: int
    day: int
    order: tuple[int, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a racer in a race.

    Attributes:
        racer: who.
        grid: place on the grid, 1 in front.
        place: at the finish; who did not finish, by distance, behind all who did.
        time_s: of all laps, None if not finished.
        alone_s: the same without company.
        distance_m: driven along the track.
        contacts: with other cars.
        at_fault: of those, the ones it brought about.
    """

    racer: int
    grid: int
    place: int
    time_s: float | None
    alone_s: float | None
    distance_m: float
    contacts: int
    at_fault: int


@dataclass(frozen=True)
class Raced:
    """A race that was driven: its start, and an outcome for each racer."""

    start: Start
    outcomes: tuple[Outcome, ...]


def orders(names: Sequence[str], grid: Grid) -> list[tuple[int, ...]]:
    """Orders of the grid: racers by their places, the first in front.

    "all" are all that differ by name; "last" and "first" put the first racer there and the others
    as they are named; "given" is as they are named.
    """
    mine, *others = range(len(names))
    if grid == "last":
        return [(*others, mine)]
    if grid in ("first", "given"):
        return [(mine, *others)]
    unlike: dict[tuple[str, ...], tuple[int, ...]] = {}
    for order in itertools.permutations(range(len(names))):
        unlike.setdefault(tuple(names[k] for k in order), order)
    return list(unlike.values())


def race(
    racers: Sequence[Racer],
    tracks: Sequence[Track],
    grid: Grid = "all",
    laps: int = 3,
    days: Sequence[int] = (0,),
    tell: Callable[[int, int], None] = lambda done, count: None,
) -> list[Raced]:
    """Let 2 to 20 racers race on every track, on every day, in every order of the grid.

    A race is so many laps from a standing start; ``tell`` gets the days done and their count.
    """
    found: list[Raced] = []
    lined_up = orders([racer.name for racer in racers], grid)
    for k, day in enumerate(days):
        starts = [Start(t, day, order) for t in range(len(tracks)) for order in lined_up]
        solid = _drive(racers, tracks, starts, laps, True)
        alone = _drive(racers, tracks, starts, laps, False)
        for r, start in enumerate(starts):
            found.append(Raced(start, _outcomes(start, solid[r], alone[r])))
        tell(k + 1, len(days))
    return found


def _drive(
    racers: Sequence[Racer],
    tracks: Sequence[Track],
    starts: Sequence[Start],
    laps: int,
    solid: bool,
) -> Array:
    """Time, distance, contacts and faults of each car, (races, cars, 4); nan = did not finish."""
    n, k = len(starts), len(racers)
    longest = max(track.length for track in tracks)
    stall = EVALUATION_STALL
    batch = RaceBatch(
        n,
        k,
        tracks=tracks,
        car=[racer.car for racer in racers],
        page=RacePage(laps, time=laps * longest / SLOWEST + GRACE),
        variety=DAY,
        ending=Ending(off_track=OFF_TRACK, stall=stall.seconds, stall_distance=stall.distance),
        seed=0,
    )
    batch.reset(0)
    slots = np.argsort([start.order for start in starts], axis=1)
    draws = np.stack([np.random.default_rng([s.day, s.track]).random((k, N_DRAWS)) for s in starts])
    batch.line_up(np.array([start.track for start in starts]), slots, draws)
    batch.company.solid[:] = solid
    batch.look()
    crew = Crew(batch, [racer.driver for racer in racers], np.tile(np.arange(k), n))
    out = np.full((batch.n, 4), np.nan)
    while batch.alive.any():
        _, _, lost, done = batch.step(crew.act(), autoreset=False)
        over = np.flatnonzero(lost | done)
        if over.size:
            floats, marks = batch.race.floats[over], batch.company.marks[over]
            finished = batch.race.ints[over, state.LAP] >= laps
            out[over, 0] = np.where(finished, floats[:, state.LAP_START], np.nan)
            out[over, 1] = floats[:, state.PROGRESS]
            out[over, 2:] = marks[:, [CONTACTS, AT_FAULT]]
    return out.reshape(n, k, 4)


def _outcomes(start: Start, solid: Array, alone: Array) -> tuple[Outcome, ...]:
    def rank(racer: int) -> tuple[bool, float, int]:
        time, distance = solid[racer, :2]
        lost = math.isnan(time)
        return lost, (-distance if lost else time), start.order.index(racer)

    places = sorted(range(len(solid)), key=rank)
    return tuple(
        Outcome(
            racer=k,
            grid=start.order.index(k) + 1,
            place=places.index(k) + 1,
            time_s=_known(time),
            alone_s=_known(alone[k, 0]),
            distance_m=float(distance),
            contacts=int(contacts),
            at_fault=int(faults),
        )
        for k, (time, distance, contacts, faults) in enumerate(solid)
    )


def _known(time: float) -> float | None:
    return None if math.isnan(time) else float(time)


def wilson(wins: int, races: int) -> tuple[float, float]:
    """Interval of a share at 95 %.

    Source: Wilson 1927, Probable inference, the law of succession, and statistical inference.
    """
    share, square = wins / races, Z * Z / races
    middle = (share + 0.5 * square) / (1.0 + square)
    half = Z / (1.0 + square) * math.sqrt(share * (1.0 - share) / races + 0.25 * square / races)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def figures(raced: Sequence[Raced], racer: int) -> dict[str, Any]:
    """What a racer's races come to: plain figures by name."""
    own = [race.outcomes[racer] for race in raced]
    n, km = len(own), sum(max(o.distance_m, 0.0) for o in own) / 1000.0
    wins, finished = sum(o.place == 1 for o in own), sum(o.time_s is not None for o in own)
    lost = [o.time_s - o.alone_s for o in own if o.time_s is not None and o.alone_s is not None]
    return {
        "races": n,
        "wins": wins,
        "win_rate": wins / n,
        "win_interval": list(wilson(wins, n)),
        "places_gained": float(np.mean([o.grid - o.place for o in own])),
        "finished": finished,
        "completion": finished / n,
        "completion_alone": sum(o.alone_s is not None for o in own) / n,
        "km": km,
        "contacts": sum(o.contacts for o in own),
        "contacts_at_fault": sum(o.at_fault for o in own),
        "contacts_per_100km": 100.0 * sum(o.contacts for o in own) / max(km, 1e-9),
        "contacts_at_fault_per_100km": 100.0 * sum(o.at_fault for o in own) / max(km, 1e-9),
        "time_lost_s": float(np.mean(lost)) if lost else None,
    }


def ratings(raced: Sequence[Raced], racers: int) -> list[dict[str, float]]:
    """Skill of each racer from all races in their order, by openskill's Plackett-Luce.

    Raises:
        ImportError: if openskill is not installed.
    """
    from openskill.models import PlackettLuce

    model = PlackettLuce()
    skills = [model.rating() for _ in range(racers)]
    for race in raced:
        ranks = [float(o.place) for o in race.outcomes]
        teams = [[skill] for skill in skills]
        skills = [team[0] for team in model.rate(teams, ranks=ranks)]
    return [{"mu": s.mu, "sigma": s.sigma, "ordinal": s.ordinal()} for s in skills]


def plain(raced: Raced, tracks: Sequence[Track], labels: Sequence[str]) -> dict[str, Any]:
    """A race as plain data, names in place of numbers."""
    order = [labels[k] for k in raced.start.order]
    cars = [asdict(o) | {"racer": labels[o.racer]} for o in raced.outcomes]
    return {"track": tracks[raced.start.track].name, "day": raced.start.day,
            "order": order, "cars": cars}  # fmt: skip
