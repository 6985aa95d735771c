"""One trial of a search: the ordinary training command in a process of its own.

Owns starting it, reading its progress, and ending it. A trial that was stopped or killed resumes
from the last save of its run, like every run.
"""

from __future__ import annotations

import csv
import ctypes
import math
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from retroracer import config
from retroracer.reading import shown

LOOK_EVERY = 1.0
"""Seconds between two reads of its progress."""

ENDS_WITHIN = 40.0
"""Seconds it may take to save its state when it is stopped."""


def drive_trial(
    command: Sequence[str],
    folder: Path,
    metric: str,
    iterations: float,
    tell: Callable[[float, float], bool],
    here: Path | None = None,
) -> int:
    """Run a trial's command line to its end, or until ``tell`` returns False.

    ``folder`` is that of its run. Each new row of ``progress.csv`` is told: its iteration, the
    whole budget being ``iterations``, and its value in the column ``metric``. ``here`` is the
    working folder of the command; None = that of this process.

    Returns:
        Its exit code; 0 if ``tell`` stopped it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    told = 0
    with open(folder.parent / f"{folder.name}.log", "ab") as log:
        process = subprocess.Popen(
            list(command),
            cwd=here,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            preexec_fn=_with_parent,
        )
        try:
            while True:
                code = process.poll()
                rows = rows_of(folder, metric, iterations)
                for iteration, value in rows[told:]:
                    told += 1
                    if not tell(iteration, value):
                        return 0
                if code is not None:
                    return code
                time.sleep(LOOK_EVERY)
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a trial to save its state and end; kill it if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class _Budget:
    """The budget on a run's settings page."""

    minutes: float | None = None
    steps: int | None = None


def rows_of(folder: Path, metric: str, iterations: float) -> list[tuple[float, float]]:
    """Iteration and value of every row of a run's ``progress.csv`` that has the metric."""
    found: list[tuple[float, float]] = []
    if not (folder / "settings.yaml").is_file():
        return found
    budget = config.load(_Budget, folder / "settings.yaml", partial=True)
    steps, seconds = budget.steps, None if budget.minutes is None else 60.0 * budget.minutes
    with suppress(OSError), open(folder / "progress.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            value = _number(row.get(metric))
            share = max(
                _number(row.get("steps")) / steps if steps else 0.0,
                _number(row.get("seconds")) / seconds if seconds else 0.0,
            )
            if math.isfinite(value) and math.isfinite(share):
                found.append((share * iterations, value))
    return found


def base_command(command: str, page: Path, folder: Path, sets: Sequence[str]) -> list[str]:
    """Command line of a trial whose run is kept in ``folder``."""
    start = [sys.executable, "-m", "retroracer", command, "--config", str(page)]
    places = ["--checkpoint-dir", str(folder), "--out", str(folder.parent / f"{folder.name}.zip")]
    return [*start, *places, *(part for text in sets for part in ("--set", text))]


def last_line(log: Path) -> str:
    """The last line of a trial's log: the error of one that failed."""
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return shown(lines[-1], 300) if lines else "its command printed nothing"
    return "its command was not started"


def _number(text: str | None) -> float:
    with suppress(TypeError, ValueError):
        return float(text or "nan")
    return math.nan


def _with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent process ends, whatever ends it."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
