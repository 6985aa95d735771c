"""Where a lap was at which time: live deltas and gaps. Knows no race and no window."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

import numpy as np

from retroracer.track.geometry import Array

KEPT = 12_000
"""Points of a trace that are kept: ten minutes at 20 a second."""


class Trace:
    """When a car was where: progress [m] against time [s], for gaps. Forgets its oldest half."""

    def __init__(self, progress: float = 0.0, time: float = 0.0) -> None:
        self._progress, self._time = [progress], [time]

    def add(self, progress: float, time: float) -> None:
        """Add the car's position, if it has moved forward."""
        if progress > self._progress[-1]:
            self._progress.append(progress)
            self._time.append(time)
            if len(self._time) > KEPT:
                del self._progress[: KEPT // 2], self._time[: KEPT // 2]

    def time_at(self, progress: float) -> float | None:
        """Time at which the car passed a place; None if it has not or that is no longer kept."""
        if progress > self._progress[-1] or progress < self._progress[0]:
            return None
        i = bisect_right(self._progress, progress)
        if i >= len(self._progress):
            return self._time[-1]
        p0, p1 = self._progress[i - 1], self._progress[i]
        share = (progress - p0) / (p1 - p0)
        return self._time[i - 1] + share * (self._time[i] - self._time[i - 1])


class LapCurve:
    """Time into a lap against distance into it.

    Args:
        distance: ascending [m], from about 0 to about the lap's length.
        time: at each [s].
        lap_time: of the whole lap [s].
    """

    def __init__(self, distance: Iterable[float], time: Iterable[float], lap_time: float) -> None:
        self.distance: Array = np.asarray(list(distance), float)
        self.time: Array = np.asarray(list(time), float)
        self.lap_time = lap_time

    def time_at(self, distance: float) -> float:
        """Time into the lap [s] at a distance into it [m]."""
        return float(np.interp(distance, self.distance, self.time))


class LapTrace:
    """Collects the curve of the lap being driven."""

    def __init__(self) -> None:
        self._distance: list[float] = [0.0]
        self._time: list[float] = [0.0]

    def add(self, distance: float, time: float) -> None:
        """Add the car's position, if it moved forward and the lap is not too long to keep."""
        if distance > self._distance[-1] and len(self._time) < KEPT:
            self._distance.append(distance)
            self._time.append(time)

    def finish(self, length: float, lap_time: float) -> LapCurve:
        """The curve of the finished lap."""
        return LapCurve([*self._distance, length], [*self._time, lap_time], lap_time)
