"""What a person sees while a run lasts: rate, quality, time left. The same for all algorithms."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from retroracer.training.run.hardware import memory_in_use

EVERY = 1.0
"""Seconds between updates of the bar."""


class _Below(Progress):
    """A bar with something above it."""

    above: Callable[[], RenderableType | None] = staticmethod(lambda: None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The table above the bar, if there is one, and the bar."""
        if (table := self.above()) is not None:
            yield table
        yield from super().get_renderables()


class Screen:
    """A progress bar on a terminal, plain lines elsewhere.

    Args:
        above: makes what is shown above the bar, on a terminal.

    Attributes:
        unit: name of a step: "steps" or "actions".
    """

    def __init__(self, above: Callable[[], RenderableType | None] = lambda: None) -> None:
        live = sys.stdout.isatty()
        self._bar = _Below(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]} left"),
            TextColumn("{task.fields[rates]}"),
            console=Console(force_terminal=live),
            disable=not live,
        )
        self._bar.above = above
        self._task = self._bar.add_task("preparing", total=1.0, rates="", left="?")
        self.unit = "steps"
        self._name = "preparing"
        self._mark = (time.monotonic(), 0, 0)
        self._judged = ""

    def __enter__(self) -> Screen:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Print a line."""
        if self._bar.disable:
            print(text, flush=True)
        else:
            # Text, because a title may hold [brackets].
            self._bar.console.print(Text(text), soft_wrap=True)

    def stage(self, text: str) -> None:
        """Show what is being done now."""
        self._name = text
        if self._bar.disable:
            print(text, flush=True)
        else:
            self._bar.update(self._task, description=text)

    def part(self, share: float) -> None:
        """Show how far a preparation is, 0 to 1."""
        self._bar.update(self._task, description=f"{self._name} {share:.0%}")

    def update(
        self, elapsed: float, share: float, steps: int, updates: int, stats: Mapping[str, float]
    ) -> None:
        """Show where the run is; cheap, called every round.

        ``share`` of the budget is used up; ``stats`` are means over the last training episodes.
        """
        now = time.monotonic()
        then, steps_then, updates_then = self._mark
        if now - then < EVERY:
            return
        self._mark = (now, steps, updates)
        rates = ""
        if steps_then:
            rates = f"{(steps - steps_then) / (now - then):,.0f} {self.unit}/s"
            rates += f"  {(updates - updates_then) / (now - then):,.0f} updates/s"
        if "metres" in stats:
            rates += f"  {stats['metres']:,.0f} m an episode, {stats['survived']:.0%} to its end"
        elif "return" in stats:
            rates += f"  return {stats['return']:.0f}"
        left = clock((1.0 - share) / share * elapsed) if share > 0.0 else "?"
        self._bar.update(
            self._task,
            description=self._name,
            completed=min(share, 1.0),
            rates=f"{rates}  {memory_in_use()}  {self._judged}",
            left=left,
        )

    def evaluating(self) -> None:
        """Show that an evaluation is under way."""
        self._bar.update(self._task, description="evaluating")

    def judged(self, seconds: float, text: str, best: bool, parent: bool) -> None:
        """Print the result of an evaluation after so many seconds of the run.

        ``best``: the driver was saved as the best so far; ``parent``: the run starts from it.
        """
        self._judged = text
        note = "  the driver it begins with" if parent else "  saved: best so far" if best else ""
        self.say(f"{clock(seconds):>6}  {text}{note}")


def clock(seconds: float) -> str:
    """Minutes and seconds, ``12:05``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
