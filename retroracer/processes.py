"""Manners of the processes a program shares its work out to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading


def serve_only_the_parent() -> None:
    """Make a process of a pool leave Ctrl+C to who asked, and end when that program ends.

    The pools of ``concurrent.futures`` wait for ever on a program that was killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)  # in the midst of whatever it does: nobody wants it any more

    threading.Thread(target=follow, daemon=True).start()
