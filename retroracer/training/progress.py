"""What a person sees while training runs: rate, quality, time left. Knows no learning."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from retroracer.track.track import Track
from retroracer.training.evaluate import Report


class Tally:
    """Means over the last episodes of all cars."""

    def __init__(self, window: int = 200) -> None:
        self._episodes: deque[tuple[float, float, float, float]] = deque(maxlen=window)

    def add(self, infos: list[dict[str, Any]]) -> None:
        """Count the episodes that ended in this step."""
        for info in infos:
            if "episode" in info:
                self._episodes.append(
                    (
                        info["episode"]["r"],
                        info["episode"]["t"],
                        info["progress"],
                        float(info["TimeLimit.truncated"]),
                    )
                )

    def means(self) -> dict[str, float]:
        """By name; empty before the first episode has ended."""
        if not self._episodes:
            return {}
        count = len(self._episodes)
        names = ("return", "seconds", "metres", "survived")
        return {n: sum(e[k] for e in self._episodes) / count for k, n in enumerate(names)}


class Screen:
    """A progress bar on a terminal, plain lines elsewhere.

    Args:
        minutes: the run's budget, or None.
        steps: its other budget, or None.
    """

    def __init__(self, minutes: float | None, steps: int | None) -> None:
        self._seconds = None if minutes is None else 60.0 * minutes
        self._steps = steps
        self._console = Console()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[rates]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("warming up", total=1.0, rates="")
        self._mark = (time.monotonic(), 0, 0)
        self._said = False

    def __enter__(self) -> Screen:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def warm(self, share: float) -> None:
        """Show how far the warm-up is."""
        self._bar.update(self._task, description=f"warming up {share:.0%}")

    def update(self, elapsed: float, steps: int, updates: int, tally: Tally) -> None:
        """Show where the run is; cheap, called at every vector step."""
        now = time.monotonic()
        then, steps_then, updates_then = self._mark
        if now - then < 1.0:
            return
        self._mark = (now, steps, updates)
        share = 0.0 if self._seconds is None else elapsed / self._seconds
        if self._steps is not None:
            share = max(share, steps / self._steps)
        means = tally.means()
        rates = f"{(steps - steps_then) / (now - then):,.0f} steps/s"
        if updates_then:
            rates += f"  {(updates - updates_then) / (now - then):,.0f} updates/s"
        if means:
            rates += f"  {means['metres']:,.0f} m an episode, {means['survived']:.0%} to its end"
        self._bar.update(self._task, description="training", completed=min(share, 1.0), rates=rates)

    def say_evaluating(self) -> None:
        """Show that the pause is an evaluation."""
        self._bar.update(self._task, description="evaluating")

    def judged(self, elapsed: float, report: Report, tracks: list[Track], better: bool) -> None:
        """Print a line about an evaluation."""
        summary = report.summary()
        speeds = [
            t.length / r.lap_time_s
            for r, t in zip(report.results, tracks, strict=True)
            if r.lap_time_s is not None
        ]
        minutes, seconds = divmod(round(elapsed), 60)
        pace = f"{3.6 * sum(speeds) / len(speeds):4.0f} km/h" if speeds else "   - km/h"
        of = f"/{summary['tracks']} unseen tracks" if len(tracks) > 1 else f" of {tracks[0].title}"
        self._bar.print(
            f"{minutes:3d}:{seconds:02d}  laps {summary['completed']}{of}, "
            f"clean {summary['clean']}, {pace}{'  saved: best so far' if better else ''}"
        )
