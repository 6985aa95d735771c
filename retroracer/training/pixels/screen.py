"""What a person sees while pixels are learned from: a live bar, a line for each evaluation."""

from __future__ import annotations

import time
from typing import Any

from rich.progress import BarColumn, TextColumn

from retroracer.training.pixels.machine import taken
from retroracer.training.run.lines import Lines


class Screen(Lines):
    """A progress bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[told]}"),
            first="training",
            told="",
        )
        self._mark = (time.monotonic(), 0, 0)

    def update(self, share: float, steps: int, updates: int, mean: float | None) -> None:
        """Show where the run is; cheap, called after every round.

        Args:
            share: of the budget used up.
            steps: actions.
            updates: of the weights.
            mean: raw return of the last episodes.
        """
        now = time.monotonic()
        then, steps_then, updates_then = self._mark
        if now - then < 2.0:
            return
        self._mark = (now, steps, updates)
        told = f"{steps:,} actions"
        if steps_then:
            told += f"  {(steps - steps_then) / (now - then):,.0f}/s"
            told += f"  {(updates - updates_then) / (now - then):,.1f} updates/s"
        if mean is not None:
            told += f"  return {mean:.0f}"
        self._bar.update(self._task, completed=min(share, 1.0), told=f"{told}  {taken()}")

    def judged(self, row: dict[str, Any]) -> None:
        """Print a line about an evaluation."""
        minutes, seconds = divmod(round(row["seconds"]), 60)
        means = row.get("episode_mean")
        driven = "" if means is None else f"  in training {means:6.1f}"
        self.say(
            f"{minutes:4d}:{seconds:02d} {row['frames']:>11,} frames  mean {row['mean']:6.1f} "
            f"(min {row['min']:6.1f}, laps {row['finished']}/{row['episodes']}){driven}  "
            f"{taken()}{'  saved: best so far' if row['best'] else ''}"
        )
