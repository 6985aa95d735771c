"""Edit while you drive: a track's page that is saved is on the road within half a second.

Owns noticing and building, in a thread of its own. A page that is broken tells its errors; the
last good track stays.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from retroracer.errors import UserError
from retroracer.render.scene import TrackScene
from retroracer.track.files import load_track
from retroracer.track.track import Track

EVERY = 0.1
"""Seconds between two looks at the file."""


@dataclass(frozen=True, eq=False)
class Built:
    """What became of a saved page."""

    track: Track | None  # None if the page is broken
    scene: TrackScene | None
    errors: tuple[str, ...] = ()  # the lines that say what is wrong


def stamp_of(path: Path) -> tuple[tuple[str, int, int], ...]:
    """What changes when a page, or a file of points beside it, is saved."""
    stamps = []
    for file in sorted({path, *path.parent.glob(f"{path.stem}*.csv")}):
        try:
            found = file.stat()
        except OSError:
            continue
        stamps.append((file.name, found.st_mtime_ns, found.st_size))
    return tuple(stamps)


class TrackWatch:
    """Watches the page of a track."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp = stamp_of(path)
        self._since = 0.0
        self._thread: threading.Thread | None = None
        self._built: Built | None = None

    def look(self, elapsed: float) -> Built | None:
        """Let time [s] pass; what became of the page if it was saved since."""
        if self._thread is not None:
            if self._thread.is_alive():
                return None
            self._thread = None
            built, self._built = self._built, None
            return built
        self._since += elapsed
        if self._since < EVERY:
            return None
        self._since = 0.0
        stamp = stamp_of(self.path)
        if stamp == self._stamp or not any(name == self.path.name for name, _, _ in stamp):
            return None  # unchanged, or just being replaced
        self._stamp = stamp
        self._thread = threading.Thread(target=self._build, daemon=True)
        self._thread.start()
        return None

    def _build(self) -> None:
        try:
            track = load_track(self.path)
            self._built = Built(track, TrackScene(track))
        except UserError as error:
            self._built = Built(None, None, tuple(str(error).splitlines()))
