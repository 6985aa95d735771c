"""How the processes of the pixel vector env start, and scripts they cannot start from.

Owns: the ``multiprocessing`` context, and what a script without a main guard is told. Does not
own what the processes do (``workers``).
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import Any

WORKER = "CarRacing worker"
"""How the processes are named."""

UNGUARDED = 78
"""Exit code of a worker whose program makes the envs anew wherever it is imported."""

NO_GUARD = (
    "a worker runs this script again and came to the line that makes the env: put what the script"
    ' does under `if __name__ == "__main__":`, or pass workers=0 to step all envs in this process'
)


def check_script(context: Any) -> None:
    """Whether processes can be started from here; one that is being started ends here, quietly.

    A process that is not forked imports the program's script. Where that makes the envs anew, it
    would start processes itself, without end.

    Raises:
        RuntimeError: saying what to do.
    """
    here = multiprocessing.current_process()
    if getattr(here, "_inheriting", False):  # the script is being imported, as in multiprocessing
        if here.name.startswith(WORKER):
            os._exit(UNGUARDED)  # the process that started it tells
        raise RuntimeError(NO_GUARD)
    main = sys.modules["__main__"]
    script = getattr(main, "__file__", None)
    forked = context.get_start_method() == "fork"
    if script and main.__spec__ is None and not forked and not os.path.exists(script):
        raise RuntimeError(
            f"workers run this script again, and {script} is no file: save the script as one, or"
            " pass workers=0 to step all envs in this process"
        )


def start_context(method: str | None) -> Any:
    """The ``multiprocessing`` context workers start in.

    By default a fork server: forking a program that runs threads, as torch's do, can lock up.
    """
    if method is None:
        known = multiprocessing.get_all_start_methods()
        method = "forkserver" if "forkserver" in known else "spawn"
    context: Any = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["retroracer.carracing.env"])
    return context
