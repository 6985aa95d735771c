"""What a person sees while training runs: rate, quality, time left. Knows no learning."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, TextColumn

from retroracer.track.track import Track
from retroracer.training.run.lines import Lines

if TYPE_CHECKING:
    from retroracer.training.course import Judgement


class Tally:
    """Means over the last episodes of all cars."""

    def __init__(self, window: int = 200) -> None:
        self._episodes: deque[tuple[float, float, float, float]] = deque(maxlen=window)

    def add(
        self,
        returns: npt.NDArray[Any],
        seconds: npt.NDArray[Any],
        metres: npt.NDArray[Any],
        survived: npt.NDArray[Any],
    ) -> None:
        """Count the M episodes that ended in a step.

        Args:
            returns: (M,) their rewards' sums.
            seconds: (M,) their lengths.
            metres: (M,) their progress.
            survived: (M,) bool, driven to their end in time.
        """
        self._episodes.extend(
            zip(
                returns.tolist(),
                seconds.tolist(),
                metres.tolist(),
                survived.astype(float).tolist(),
                strict=True,
            )
        )

    @property
    def survived(self) -> float:
        """Share of the episodes driven to their end; 0 until as many are known as are kept."""
        full = len(self._episodes) == self._episodes.maxlen
        return self.means()["survived"] if full else 0.0

    def state(self) -> list[tuple[float, float, float, float]]:
        """The episodes counted, as plain data."""
        return list(self._episodes)

    def restore(self, state: list[list[float]]) -> None:
        """Count those that ``state`` returned.

        Raises:
            ValueError: if they are not four finite numbers each.
        """
        episodes = np.array(state, np.float64).reshape(-1, 4)
        if not np.isfinite(episodes).all():
            raise ValueError("the episodes counted are not finite")
        self._episodes.clear()
        self._episodes.extend((a, b, c, d) for a, b, c, d in episodes.tolist())

    def means(self) -> dict[str, float]:
        """By name; empty before the first episode has ended."""
        if not self._episodes:
            return {}
        count = len(self._episodes)
        names = ("return", "seconds", "metres", "survived")
        return {n: sum(e[k] for e in self._episodes) / count for k, n in enumerate(names)}


class Screen(Lines):
    """A progress bar on a terminal, plain lines elsewhere."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[left]} left"),
            TextColumn("{task.fields[rates]}"),
            first="warming up",
            rates="",
            left="?",
        )
        self._mark = (time.monotonic(), 0, 0)
        self._judged = ""

    def shown(self, share: float) -> None:
        """Show how far the imitation is."""
        self._bar.update(self._task, description=f"being shown how {share:.0%}")

    def warm(self, share: float) -> None:
        """Show how far the warm-up is."""
        self._bar.update(self._task, description=f"warming up {share:.0%}")

    def update(self, elapsed: float, share: float, steps: int, updates: int, tally: Tally) -> None:
        """Show where the run is; cheap, called at every round.

        Args:
            elapsed: seconds of the run.
            share: of its budget used up.
            steps: control steps of all cars.
            updates: gradient updates.
            tally: of the last episodes.
        """
        now = time.monotonic()
        then, steps_then, updates_then = self._mark
        if now - then < 1.0:
            return
        self._mark = (now, steps, updates)
        rates = ""
        if updates_then:
            rates = f"{(steps - steps_then) / (now - then):,.0f} steps/s"
            rates += f"  {(updates - updates_then) / (now - then):,.0f} updates/s"
        means = tally.means()
        if means:
            rates += f"  {means['metres']:,.0f} m an episode, {means['survived']:.0%} to its end"
        if self._judged:
            rates += f"  {self._judged}"
        left = _clock((1.0 - share) / share * elapsed) if share > 0.0 else "?"
        self._bar.update(
            self._task, description="training", completed=min(share, 1.0), rates=rates, left=left
        )

    def say_evaluating(self) -> None:
        """Show that the pause is an evaluation."""
        self._bar.update(self._task, description="evaluating")

    def judged(self, judgement: Judgement, tracks: list[Track]) -> None:
        """Print a line about an evaluation."""
        summary = judgement.report.summary()
        of = f"/{summary['tracks']} tracks" if len(tracks) > 1 else f" of {tracks[0].title}"
        ratio = summary["median_ratio"]
        pace = "no lap yet" if ratio is None else f"x{ratio:.3f} of the limit"
        self._judged = f"{summary['completed']}/{summary['tracks']} tracks, {pace}"
        self.say(
            f"{_clock(judgement.seconds):>6}  laps {summary['completed']}{of}, "
            f"clean {summary['clean']}, {pace}"
            f"{'  saved: best so far' if judgement.best else ''}"
        )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
