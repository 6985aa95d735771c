"""Commands of ours as processes of a test: what they say, and what descends from them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]

PATIENCE = 600.0
"""Seconds for what takes two or three on a machine that does nothing else."""

SMALL = [
    "--minutes", "600", "--set", "hidden=[16, 16]", "--set", "sac.batch_size=16",
    "--set", "sac.buffer_size=20000", "--set", "sac.learning_starts=64",
    "--set", "stream.train_every_seconds=0.2", "--set", "stream.updates_per_row=0.05",
    "--set", "stream.zip_every=0", "--set", "stream.rollout=8", "--set", "evaluate_every=1e6",
    "--set", "log_to=[]", "--set", "save_every=0.5",
]  # fmt: skip
"""Options of a run that does little at a time."""


def private(folder: Path) -> dict[str, str]:
    """An environment with a home of its own, where Ray keeps its token."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    paths = {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return os.environ | paths


class Program:
    """A process and what it has said.

    Args:
        name: of its log.
        command: of Python.
        folder: it works in.
        env: of it.
    """

    def __init__(self, name: str, command: list[str], folder: Path, env: dict[str, str]) -> None:
        self.log = folder / f"{name}.log"
        with open(self.log, "w") as out:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=env, stdout=out,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, pattern: str, count: int = 1) -> re.Match[str]:
        """Until it has said something so often; the last time it did."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            found = list(re.finditer(pattern, self.text()))
            if len(found) >= count:
                return found[-1]
            assert self.process.poll() is None, self.text()
            time.sleep(0.1)
        raise AssertionError(f"no {pattern!r} in:\n{self.text()}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def scale(name: str, arguments: list[str], folder: Path, env: dict[str, str]) -> Program:
    """``retroracer scale`` with arguments."""
    return Program(name, ["-m", "retroracer", "scale", *arguments], folder, env)


def below(process: int) -> dict[int, str]:
    """All processes that descend from one, with their command lines."""
    parents, names = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text()
            names[int(path.name)] = (path / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        parents[int(path.name)] = int(stat.rpartition(")")[2].split()[1])
    found = {process}
    while more := {p for p, parent in parents.items() if parent in found} - found:
        found |= more
    return {p: names.get(p, "") for p in found - {process}}


def wait_until_gone(processes: set[int]) -> set[int]:
    """Those that are still there after a while."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        left = {p for p in processes if Path(f"/proc/{p}").exists()}
        if not left:
            break
        time.sleep(0.1)
    return left
