"""Evaluation of drivers: a standing start and two laps, deterministic, all in one batch.

Owns the protocol of an evaluation and its report. Every driver drives every track; all run
as rows of one ``Race`` (no env, no reward, no randomness), so a row's result does not depend
on the other rows. Does not import torch: training and the command line call ``evaluate`` with
plain callables.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retroracer.envs.control import ControlLoop
from retroracer.envs.task import EVALUATION_STALL, stalled_rows
from retroracer.physics import state
from retroracer.physics.car import Car
from retroracer.physics.race import Race
from retroracer.track.track import Track

LAPS = 2
"""Laps of an evaluation: one from the grid, one flying."""

SLOWEST = 8.0
"""Mean speed [m/s] a driver must keep: a lap may take track length / SLOWEST + GRACE seconds."""

GRACE = 30.0
"""Seconds [s] allowed on top of that for every lap."""

Act = Callable[[npt.NDArray[np.float32]], npt.NDArray[Any]]
"""A driver: observations (N, 22) float32 -> actions (N, 2) in [-1, 1]."""


@dataclass(frozen=True)
class Entry:
    """A driver, by the name of its model, and the car it drives; it treats every row alone.

    It holds an action for ``action_repeat`` control steps of 50 ms.
    """

    name: str
    act: Act
    car: Car
    action_repeat: int = 1


@dataclass(frozen=True)
class Result:
    """The result of one driver on one track.

    Attributes:
        track: name.
        laps: completed, 0 to LAPS.
        lap_time_s: the second lap [s], interpolated inside the step; None if not completed.
        off_track_s: time beyond track limits [s] in all laps, or until stopped.
        ended: "finished", "stalled" or "too slow".
        limit_s: the minimum lap time of this track and car [s], None while not known.
        sector_times_s: sector times of the second lap [s]; empty if not completed.
    """

    track: str
    laps: int
    lap_time_s: float | None
    off_track_s: float
    ended: str
    limit_s: float | None = None
    sector_times_s: tuple[float, ...] = ()

    @property
    def completed(self) -> bool:
        """Both laps done."""
        return self.laps >= LAPS

    @property
    def clean(self) -> bool:
        """Completed and never beyond track limits."""
        return self.completed and self.off_track_s == 0.0

    @property
    def ratio(self) -> float | None:
        """Lap time over the limit, >= 1."""
        if self.lap_time_s is None or self.limit_s is None:
            return None
        return self.lap_time_s / self.limit_s


@dataclass(frozen=True)
class Report:
    """The results of one driver, by the name of its model, on all tracks in the order given."""

    model: str
    results: tuple[Result, ...]

    def summary(self) -> dict[str, Any]:
        """Counts of ``tracks``, of those ``completed`` and ``clean``, and ratios to the limit."""
        ratios = [r.ratio for r in self.results if r.ratio is not None]
        return {
            "tracks": len(self.results),
            "completed": sum(r.completed for r in self.results),
            "clean": sum(r.clean for r in self.results),
            "median_ratio": statistics.median(ratios) if ratios else None,
            "worst_ratio": max(ratios, default=None),
        }

    def with_limits(self, limits: Sequence[float | None]) -> Report:
        """The same report with the minimum lap times [s] of its tracks, one per result."""
        pairs = zip(self.results, limits, strict=True)
        return Report(self.model, tuple(dataclasses.replace(r, limit_s=t) for r, t in pairs))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as ``evaluate --json`` writes it."""
        rows = []
        for r in self.results:
            derived = {"completed": r.completed, "clean": r.clean, "ratio": r.ratio}
            rows.append(dataclasses.asdict(r) | derived)
        return {"model": self.model, "tracks": rows, "summary": self.summary()}


class LapTrace:
    """Records how one row of an evaluation drove its last lap, for pictures; pass it in ``watch``.

    Attributes:
        points: (x [m], y [m], speed [m/s], s [m], lateral offset [m]) at every control step
            of that lap.
    """

    def __init__(self, row: int) -> None:
        self.row = row
        self.points: list[tuple[float, float, float, float, float]] = []

    def __call__(self, race: Race) -> None:
        """Record one step."""
        row = self.row
        if race.lap[row] >= LAPS:
            return
        if race.ints[row, state.STEP_LAP]:
            self.points.clear()
        columns = (race.x, race.y, race.speed, race.s, race.lateral_offset)
        x, y, speed, s, offset = (float(values[row]) for values in columns)
        self.points.append((x, y, speed, s, offset))


def evaluate(
    entries: Sequence[Entry],
    tracks: Sequence[Track],
    watch: Sequence[Callable[[Race], None]] = (),
    latency: int = 0,
) -> list[Report]:
    """Let every driver drive every track.

    Args:
        entries: the drivers; at least one.
        tracks: one or more tracks.
        watch: called with the race at the start and after every control step, to record it;
            row ``e * len(tracks) + t`` is entry e on track t.
        latency: control steps of 50 ms after which an action takes effect.

    Returns:
        One report per driver, in order.
    """
    m = len(tracks)
    race = Race(tracks, [e.car for e in entries for _ in tracks])
    race.start_on_grid(np.tile(np.arange(m), len(entries)))
    loop = ControlLoop(race, latency)
    running = np.ones(race.n, bool)
    off_track = np.zeros(race.n)
    cap = race.length() / SLOWEST + GRACE
    marks = np.zeros((race.n, 2))
    results: dict[int, Result] = {}
    for look in watch:
        look(race)
    actions = np.zeros((race.n, 2))
    while running.any():
        obs = loop.observe()
        actions[~running] = 0.0  # cars that are done coast
        for k, entry in enumerate(entries):
            rows = k * m + np.flatnonzero(running[k * m : (k + 1) * m])
            if len(rows) and loop.step % entry.action_repeat == 0:
                actions[rows] = entry.act(obs[rows])
        loop.choose(actions)
        loop.advance()
        for look in watch:
            look(race)
        lapped = race.ints[:, state.STEP_LAP] == 1
        off_track[lapped] += race.floats[lapped, state.LAST_LAP_OFF]
        finished = race.lap >= LAPS
        stalled = stalled_rows(race.floats, marks, EVALUATION_STALL)
        over = running & (finished | stalled | (race.lap_time > cap))
        for row in np.flatnonzero(over).tolist():
            how = "finished" if finished[row] else "stalled" if stalled[row] else "too slow"
            lost = 0.0 if finished[row] else race.floats[row, state.LAP_OFF]
            sectors = race.last_sectors[row]
            results[row] = Result(
                track=tracks[row % m].name,
                laps=int(race.lap[row]),
                lap_time_s=float(race.last_lap_time[row]) if finished[row] else None,
                off_track_s=float(off_track[row] + lost),
                ended=how,
                sector_times_s=tuple(sectors[~np.isnan(sectors)].tolist()) if finished[row] else (),
            )
        running &= ~over
    return [
        Report(entry.name, tuple(results[k * m + t] for t in range(m)))
        for k, entry in enumerate(entries)
    ]
