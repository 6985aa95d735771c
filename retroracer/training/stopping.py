"""Ctrl+C as a request: the round under way is finished and everything saved. Owns the handlers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether Ctrl+C has been pressed."""

    requested = False


@contextmanager
def stop_requested() -> Iterator[Stop]:
    """Turn the first Ctrl+C (or a polite kill) into a request; a second one stops at once."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True

    earlier = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            earlier[number] = signal.signal(number, ask)
        except ValueError:  # not in the main thread: whoever owns it decides
            break
    try:
        yield stop
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
