"""What your remembered laps say together: the best sectors, the lap they would make, the days."""

from __future__ import annotations

import math
from collections.abc import Sequence

from retroracer.game.replay.records import Lap

DAY = 86_400.0


def yours(laps: Sequence[Lap]) -> list[Lap]:
    """Your laps that count now, of the car and help of the fastest of them."""
    mine = [x for x in laps if x.driver == "you" and x.valid and not x.stale and not x.raced]
    best = min(mine, key=lambda x: x.time, default=None)
    if best is None:
        return []
    return [x for x in mine if (x.car_name, x.assists) == (best.car_name, best.assists)]


def best_sectors(laps: Sequence[Lap]) -> list[float]:
    """The fastest time of each sector [s] in any of some laps; empty without one."""
    known = [x.sectors for x in laps if x.sectors and all(map(math.isfinite, x.sectors))]
    if not known or len({len(sectors) for sectors in known}) != 1:
        return []
    return [min(times) for times in zip(*known, strict=True)]


def theoretical_best(laps: Sequence[Lap]) -> float | None:
    """The lap that the best sectors would make [s], None without one."""
    sectors = best_sectors(laps)
    return sum(sectors) if sectors else None


def best_by_day(laps: Sequence[Lap]) -> list[tuple[float, float]]:
    """For each day with a lap the fastest until then: (days since the first, time [s])."""
    ordered = sorted((x for x in laps if math.isfinite(x.made)), key=lambda x: x.made)
    out: dict[int, float] = {}
    best = math.inf
    for lap in ordered:
        best = min(best, lap.time)
        out[int(lap.made // DAY)] = best
    first = min(out, default=0)
    return [(float(day - first), time) for day, time in out.items()]
