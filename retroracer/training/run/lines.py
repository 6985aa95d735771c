"""Progress output of a run: a live bar on a terminal, plain lines in a log file.

Chooses between the two; each program chooses the columns of its bar.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.text import Text


class _Below(Progress):
    """A bar with something above it."""

    above: Callable[[], RenderableType | None] = staticmethod(lambda: None)

    def get_renderables(self) -> Iterable[RenderableType]:
        """The table above the bar, if there is one, and the bar."""
        if (table := self.above()) is not None:
            yield table
        yield from super().get_renderables()


class Lines:
    """A bar with one task on a terminal, plain lines elsewhere.

    Args:
        columns: columns of the bar.
        first: first description of the task.
        above: makes what is shown above the bar, on a terminal.
        fields: fields of the task.
    """

    def __init__(
        self,
        *columns: ProgressColumn,
        first: str,
        above: Callable[[], RenderableType | None] = lambda: None,
        **fields: Any,
    ) -> None:
        live = sys.stdout.isatty()
        console = Console(force_terminal=live)
        self._bar = _Below(*columns, console=console, disable=not live)
        self._bar.above = above
        self._task = self._bar.add_task(first, total=1.0, **fields)

    def __enter__(self) -> Lines:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, text: str) -> None:
        """Show what is being done now."""
        if self._bar.disable:
            print(text, flush=True)
        else:
            self._bar.update(self._task, description=text)

    def say(self, text: str) -> None:
        """Print a line."""
        if self._bar.disable:
            print(text, flush=True)
        else:
            # Text, because a title may hold [brackets].
            self._bar.console.print(Text(text), soft_wrap=True)
