"""Commands of ours as processes of a test or benchmark: what they say, and what they leave."""

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

    def find(self, pattern: str) -> list[re.Match[str]]:
        """All times it has said something."""
        return list(re.finditer(pattern, self.text()))

    def wait_for(self, pattern: str, count: int = 1) -> list[re.Match[str]]:
        """Until it has said something so often; all times it did."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            if len(found := self.find(pattern)) >= count:
                return found
            assert self.process.poll() is None, self.text()
            time.sleep(0.1)
        raise AssertionError(f"no {pattern!r} in:\n{self.text()}")

    def end(self) -> None:
        """Let it end politely, with all that it has started."""
        self.process.terminate()
        try:
            self.process.wait(30.0)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def scale(name: str, arguments: list[str], folder: Path, env: dict[str, str]) -> Program:
    """``retroracer scale`` with arguments."""
    return Program(name, ["-m", "retroracer", "scale", *arguments], folder, env)


def living(folder: Path) -> dict[int, str]:
    """All processes that work in a folder, with their command lines.

    Ray's keep the folder of the command that started them, also when that is gone.
    """
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink() == folder.resolve():
                found[int(path.name)] = (path / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    return found


def actors(folder: Path) -> list[int]:
    """The processes of the actors of the learner that was started in a folder."""
    return sorted(p for p, name in living(folder).items() if name.startswith("ray::OwnActor"))


def shared_memory() -> set[str]:
    """Ray's files in shared memory."""
    return {name for name in os.listdir("/dev/shm") if "plasma" in name or "ray" in name}


def left_behind(folder: Path, patience: float = PATIENCE) -> dict[int, str]:
    """The processes of a folder that are still there after a while."""
    limit = time.monotonic() + patience
    while (left := living(folder)) and time.monotonic() < limit:
        time.sleep(0.1)
    return left
