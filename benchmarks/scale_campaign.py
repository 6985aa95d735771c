"""Kills of actors and of the learner, many in a row: what is lost, and what is left behind.

    python benchmarks/scale_campaign.py --actor-kills 50 --learner-kills 10 --json kills.json

Each kill is ``kill -9`` at a random moment. After every one the run must go on: steps never go
back further than the last save, versions never go back at all, and in the end no process and no
shared memory of it are left.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

RUN = [
    "scale", "train", "--env", "Pendulum-v1", "--actors", "2", "--minutes", "1e5",
    "--set", "hidden=[32, 32]", "--set", "sac.batch_size=32", "--set", "sac.buffer_size=50000",
    "--set", "sac.learning_starts=200", "--set", "stream.train_every_seconds=0.5",
    "--set", "stream.updates_per_row=0.1", "--set", "stream.rollout=16", "--set", "save_every=3",
    "--set", "evaluate_every=1e6", "--set", "log_to=[]",
]  # fmt: skip


def below(process: int) -> dict[int, str]:
    """All processes that descend from one, with their names."""
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


class Learner:
    """The command under attack, in a folder of its own."""

    def __init__(self, folder: Path, patience: float) -> None:
        self.folder, self.patience = folder, patience
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or go on with it."""
        self.mark = len(self.text())
        env = os.environ | {"HOME": str(self.folder), "PYTHONUNBUFFERED": "1"}
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "retroracer", *RUN], cwd=self.folder, env=env, stdout=out,
                stderr=out, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def text(self) -> str:
        """All it has said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, pattern: str, count: int = 1) -> list[str]:
        """Until it has said something so often since its start: what it said."""
        limit = time.monotonic() + self.patience
        while time.monotonic() < limit:
            found = re.findall(pattern, self.text()[self.mark :])
            if len(found) >= count:
                return found
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit(f"no {pattern!r}:\n{self.text()[-3000:]}")

    def version(self) -> int:
        """The highest version an actor was given."""
        found = re.findall(r"weights (\d+) received", self.text())
        return max(map(int, found), default=0)

    def actors(self) -> list[int]:
        """Processes of its actors."""
        assert self.process is not None
        own = below(self.process.pid)
        return sorted(p for p, name in own.items() if name.startswith("ray::OwnActor"))


def campaign(actor_kills: int, learner_kills: int, seed: int, patience: float) -> dict[str, Any]:
    rng = random.Random(seed)
    shared = set(os.listdir("/dev/shm"))
    every = max(actor_kills // max(learner_kills, 1), 1)
    back, versions, killed, learners = [], [], 0, 0
    seen: set[int] = set()
    with tempfile.TemporaryDirectory() as name:
        learner = Learner(Path(name), patience)
        learner.start()
        learner.wait_for(r"actor \d: weights \d+ received", 2)
        while killed < actor_kills or learners < learner_kills:
            time.sleep(rng.uniform(0.2, 3.0))
            assert learner.process is not None
            seen |= set(below(learner.process.pid))
            if (killed < actor_kills and (killed + 1) % every) or learners >= learner_kills:
                actors = learner.actors()
                if len(actors) < 2:
                    continue
                before = len(re.findall("came back", learner.text()[learner.mark :]))
                at = time.monotonic()
                os.kill(rng.choice(actors), signal.SIGKILL)
                killed += 1
                learner.wait_for("came back", before + 1)
                back.append(time.monotonic() - at)
                continue
            before_version = learner.version()
            learner.process.send_signal(signal.SIGKILL)
            learner.process.wait()
            learners += 1
            killed += 1 if killed < actor_kills else 0
            at = time.monotonic()
            learner.start()
            found = learner.wait_for(r"actor \d: weights (\d+) received", 2)
            back.append(time.monotonic() - at)
            versions.append(min(map(int, found)) > before_version)
        assert learner.process is not None
        seen |= set(below(learner.process.pid))
        learner.process.send_signal(signal.SIGTERM)
        code = learner.process.wait(patience)
        saved = "state saved" in learner.text()
        lost = re.findall(r"([\d,]+) pieces lost", learner.text())
        evaluations = learner.folder / "runs/scaled"
        left_files = sorted(p.name for p in evaluations.glob("*"))
        limit = time.monotonic() + 30.0
        while time.monotonic() < limit and any(Path(f"/proc/{p}").exists() for p in seen):
            time.sleep(0.2)
    return {
        "actor_kills": killed,
        "learner_kills": learners,
        "last_exit_code": code,
        "state_saved_at_the_end": saved,
        "versions_only_grew": all(versions),
        "seconds_until_back_median": round(sorted(back)[len(back) // 2], 2),
        "seconds_until_back_most": round(max(back), 2),
        "pieces_lost_last_told": lost[-1] if lost else "0",
        "processes_left": [p for p in seen if Path(f"/proc/{p}").exists()],
        "shared_memory_left": sorted(set(os.listdir("/dev/shm")) - shared),
        "files": left_files,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actor-kills", type=int, default=50)
    parser.add_argument("--learner-kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--patience", type=float, default=300.0, help="seconds to wait for a return"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    told = campaign(args.actor_kills, args.learner_kills, args.seed, args.patience)
    text = json.dumps(told, indent=1)
    print(text)
    if args.json:
        args.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
