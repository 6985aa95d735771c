"""What a person sees while pixels are learned from: a live bar, a line for each evaluation."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from retroracer.training.pixels.machine import taken


class Screen:
    """A progress bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        console = Console()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[told]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=1.0, told="")
        self._mark = (time.monotonic(), 0, 0)

    def __enter__(self) -> Screen:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

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

    def say(self, text: str) -> None:
        """Print a line."""
        self._bar.console.print(Text(text), soft_wrap=True)

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
