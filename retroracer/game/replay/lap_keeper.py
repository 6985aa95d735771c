"""Laps on their way to the records file: in memory until they are written, beside the frames.

Owns the laps not written yet and the thread that writes them. While the file is locked, or
cannot be written for another reason, they stay in memory and in a small file beside it
(``unsaved``), and it is tried again. Each thing that goes wrong is told once (``news``).
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from retroracer.errors import UserError
from retroracer.game.replay import records_file, unsaved
from retroracer.game.replay.records_file import DamagedError, LockedError, NewerError, UnusableError
from retroracer.game.replay.records_row import Row
from retroracer.game.replay.tape import Tape

AT_START = 0.3
"""Seconds a start waits for a lock: for other games, which hold one for hundredths."""

PATIENCE = 1.0
"""Seconds the writing thread waits for a lock before it is told."""

AGAIN = 1.0
"""Seconds between two tries."""

LEAVING = 1.5
"""Seconds that closing waits for what is not written yet."""

LOCKED = "records are locked by another program"


class LapKeeper:
    """Writes laps into a records file as soon as that is possible.

    Args:
        path: of the file.

    Attributes:
        trouble: what was told last, in a line, or "".
        revision: counts the times the file became readable (again).
        why: laps cannot be written now, in words, or "".
        kept: True if laps can be remembered: the file is not a newer game's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = self.why = ""
        self.revision = 0
        self.kept = True
        self._news: deque[str] = deque()
        self._said: set[str] = set()
        self._open = False  # True: the file was looked at and is ours
        self._ids = itertools.count(-1, -1)
        self._changed = threading.Condition()
        self._closing = math.inf
        self._thread: threading.Thread | None = None
        self._spill = path.with_name(unsaved.name_for_this_game())
        rows, self._taken, told = unsaved.take(path.parent)
        self._pending = [replace(row, id=next(self._ids)) for row in rows]
        self._tapes: dict[int, Tape] = {}
        for line in told:
            self._say(line)
        try:
            self._look(AT_START)
        except (LockedError, DamagedError, UnusableError, NewerError) as error:
            self._failed(error)
        if self.kept and (self._pending or not self._open):
            self._start()

    @property
    def readable(self) -> bool:
        """False while the file is locked or not there: what is known may not be all."""
        return self._open and self.why != LOCKED

    def news(self) -> list[str]:
        """What is to be told and was not yet."""
        return [self._news.popleft() for _ in range(len(self._news))]

    def keep(self, row: Row, tape: Tape | None) -> None:
        """Keep a lap; returns at once. Its id becomes that of ``waiting``."""
        row = replace(row, id=next(self._ids), taped=tape is not None)
        with self._changed:
            if tape is not None:
                self._tapes[row.id] = tape
            self._pending.append(row)
            self._changed.notify_all()
        self._start()
        if self.why == LOCKED and row.driver == "you":
            self._say(f"{LOCKED}; your lap is kept and will be written", again=True)

    def waiting(self, matches: Callable[[Row], bool]) -> list[Row]:
        """Laps that are not in the file yet."""
        with self._changed:
            return [row for row in self._pending if matches(row)]

    def waiting_tape(self, row: Row) -> Tape | bytes | None:
        """The inputs of a lap that is not in the file yet."""
        return self._tapes.get(row.id, row.tape)

    def cannot_read(self, error: Exception) -> None:
        """Take in that reading failed: the file is looked at again, beside the game."""
        with self._changed:
            if isinstance(error, LockedError):
                self.why = self.why or LOCKED  # told if it stays so
            else:
                self._open = False
            self._changed.notify_all()
        if not isinstance(error, LockedError):
            self._say(f"records cannot be read: {error}")
        self._start()

    def _say(self, text: str, again: bool = False) -> None:
        if text and (again or text not in self._said):
            self._said.add(text)
            self.trouble = text
            self._news.append(text)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._pending or not self.readable or self._closing < math.inf
                )
                if not self.kept or (self._closing < math.inf and not self._pending):
                    return
            if self._try():
                continue
            left = self._leave()
            with self._changed:
                now = time.monotonic()
                if not self.kept or now >= self._closing:
                    return
                if self._closing < math.inf and left and self.why != LOCKED:
                    return  # waiting does not help
                self._changed.wait(0.1 if self._closing < math.inf else AGAIN)

    def _try(self) -> bool:
        """Write what is pending; False if that cannot be done now."""
        rows = self._packed()
        wait = min(PATIENCE, max(self._closing - time.monotonic(), 0.05))
        try:
            if not self._open or self.why:
                self._look(wait)
            if rows:
                try:
                    records_file.write(self.path, rows, wait)
                except DamagedError:
                    self._look(wait)
                    records_file.write(self.path, rows, wait)
        except (LockedError, DamagedError, UnusableError, NewerError) as error:
            self._failed(error)
            return False
        except Exception as error:  # the thread must not end with laps in hand
            self._failed(UnusableError(f"{type(error).__name__}: {error}"))
            return False
        for path in (*self._taken, self._spill):  # they are in the file now
            with suppress(OSError):
                path.unlink(missing_ok=True)
        self._taken = []
        with self._changed:
            why, self.why = self.why, ""
            if why in self._said:
                self._said.clear()
                laps = "1 lap was" if len(rows) == 1 else f"{len(rows)} laps were"
                self._say(f"records are free again{f': {laps} written' if rows else ''}")
            self.revision += bool(why)
            written = {row.id for row in rows}
            self._pending = [row for row in self._pending if row.id not in written]
            for row_id in written:
                self._tapes.pop(row_id, None)
            self._changed.notify_all()
        return True

    def _packed(self) -> list[Row]:
        """What is pending, with its inputs."""
        with self._changed:
            rows = [(row, self._tapes.get(row.id)) for row in self._pending]
        return [row if tape is None else replace(row, tape=tape.pack()) for row, tape in rows]

    def _look(self, wait: float) -> None:
        """See that the file is there and ours; tell what was done to it."""
        self._say(records_file.prepare(self.path, wait))
        if not self._open:
            self._open = True
            self.revision += 1

    def _failed(self, error: Exception) -> None:
        """Take in, and tell once, why laps cannot be written now."""
        if isinstance(error, NewerError):
            self.kept = False
            self.why = f"records are not kept: {self.path.name} is of a newer RetroRacer"
            self._say(self.why)
            return
        locked = isinstance(error, LockedError)
        with self._changed:
            self.why = LOCKED if locked else f"records are not kept for now: {error}"
            if isinstance(error, DamagedError):
                self._open = False
            rows = list(self._pending)
        if self.why not in self._said:
            self._said.add(self.why)
            yours = any(row.driver == "you" for row in rows)
            kept = "your lap is kept" if yours else "laps are kept"
            self._say(f"{self.why}; {kept} and will be written")

    def _leave(self) -> bool:
        """Keep what is pending in a file of its own; True if it is safe there."""
        if not self._pending:
            return True
        try:
            unsaved.leave(self._spill, self._packed())
        except (UserError, OSError) as error:
            self._say(f"laps are in memory only: {str(error).splitlines()[0]}")
            return False
        return True

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until everything added is written, ``seconds`` at most; True if it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._pending and self.kept), seconds)

    def close(self) -> str:
        """Write what is left and stop, within about two seconds.

        Returns:
            What became of laps that could not be written, in a line, or "".
        """
        if self._thread is None:
            return ""
        with self._changed:
            self._closing = time.monotonic() + LEAVING
            self._changed.notify_all()
        self._thread.join(timeout=LEAVING + 1.0)
        self._thread = None
        count = len(self._pending)
        if not count or not self.kept:
            return ""
        laps = "1 lap" if count == 1 else f"{count} laps"
        if self._spill.exists():
            return f"{self.why}; {laps} left in {self._spill}, to be written at the next start"
        return f"{self.why}; {laps} lost"
