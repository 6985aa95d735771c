"""Kill the actors and the learner of a run again and again, and count what is lost and left behind.

    python benchmarks/scale_campaign.py [--actor-kills 50] [--learner-kills 10] [--json FILE]

Each kill is ``kill -9`` at a random moment. A killed actor must come back; one kill in four hits
again before it has. Before each kill of the learner all actors are halted for a moment, and every
row is accounted for: the rows that actors announced in this session are those that the learner
added to the steps it had saved, those it refused and those of the pieces it counted as lost. After
it no process may be left, and the next session must begin at the last save, with higher versions
of the weights. Prints JSON; exit code 1 if any of this was broken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

from benchmarks.machine import machine
from retroracer.agents.facts import plain_json
from retroracer.atomic import write_text
from retroracer.training.run.folder import RunFolder
from tests.scale.programs import SMALL, Program, actors, left_behind, private, scale, shared_memory

ACTORS = 2

COMMAND = ["train", "--env", "Pendulum-v1", "--actors", str(ACTORS), *SMALL]
COMMAND += ["--set", "stream.updates_per_row=0.01"]  # rows never wait for updates

AGAIN = 0.25
"""Share of actor kills that are followed by another before the actor has come back."""


class Campaign:
    """A run under attack, in a folder of its own."""

    def __init__(self, folder: Path, seed: int, patience: float) -> None:
        self.folder, self.patience = folder.resolve(), patience
        self.rng = random.Random(seed)
        self.env = private(self.folder)
        self.run = RunFolder(self.folder / "runs" / "scaled")
        self.learner: Program
        self.address = ""
        self.sessions = self.version = 0
        self.back: list[float] = []
        self.started: list[float] = []
        self.gone: list[float] = []
        self.lost: list[int] = []
        self.rows = 0
        self.broken: list[str] = []

    def start(self) -> None:
        """Start the learner, or go on with it; weights must be newer than any before."""
        begun = time.monotonic()
        self.saved = self.steps()
        self.learner = scale(f"train-{self.sessions}", COMMAND, self.folder, self.env)
        self.address = self.learner.wait_for(r"--address (127\.0\.0\.1:\d+)")[0][1]
        given = self.learner.wait_for(r"actor \d: weights (\d+) received", ACTORS)
        self.started.append(time.monotonic() - begun)
        first = min(int(match[1]) for match in given)
        if first <= self.version:
            self.broken.append(f"session {self.sessions}: version {first}, {self.version} before")
        self.sessions += 1

    def steps(self) -> int:
        """The steps of the last save."""
        if not self.run.unfinished_here():
            return 0
        facts = self.run.load()[0].get("task.facts")
        return 0 if facts is None else int(plain_json(bytes(facts))["steps"])

    def kill_actors(self, count: int) -> None:
        """Kill actors so often."""
        while count:
            self.pause()
            count -= 1
            came = len(self.learner.find("came back"))
            begun = self.kill_one()
            if count and self.rng.random() < AGAIN:
                time.sleep(self.rng.uniform(0.0, 0.5))
                count -= 1
                begun = self.kill_one()
            self.learner.wait_for("came back", came + 1)
            self.back.append(time.monotonic() - begun)

    def kill_one(self) -> float:
        """Kill one of the actors there are; when that was."""
        while not (found := actors(self.folder)):
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.rng.choice(found), signal.SIGKILL)
        return time.monotonic()

    def pause(self) -> None:
        """Let it run for a moment."""
        time.sleep(self.rng.uniform(0.05, 1.0))

    def account(self) -> None:
        """Halt the actors until every row has arrived or is counted as lost."""
        limit = time.monotonic() + self.patience
        with self.halted(limit):
            while True:
                status = self.status()
                told = status["learner"]
                announced = sum(actor["rows"] for actor in status["actors"])
                piece = 8  # stream.rollout of SMALL, one environment an actor
                lost = int(told["lost_pieces"])
                steps = self.saved + announced - piece * lost - int(told["refused_rows"])
                if told["steps"] == steps and not status["waiting"]:
                    break
                if time.monotonic() > limit:
                    self.broken.append(
                        f"session {self.sessions - 1}: {told['steps']:.0f} steps, not {steps}: "
                        f"{self.saved} saved, {announced} rows announced, {lost} pieces lost"
                    )
                    break
        self.version = max(self.version, status["version"])
        self.lost.append(lost)
        self.rows += announced

    @contextlib.contextmanager
    def halted(self, limit: float) -> Iterator[None]:
        """All actors are there, and stand still."""
        while len(found := actors(self.folder)) < ACTORS and time.monotonic() < limit:
            time.sleep(0.1)
        for process in found:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in found:
                os.kill(process, signal.SIGCONT)

    def status(self) -> dict[str, Any]:
        """What ``scale status`` says of the learner."""
        page = self.folder / "status.json"
        command = ["status", "--address", self.address, "--json", str(page)]
        asked = scale("status", command, self.folder, self.env)
        if asked.process.wait(self.patience):
            raise AssertionError(asked.text())
        status: dict[str, Any] = json.loads(page.read_text())["learners"][0]
        return status

    def kill_learner(self) -> None:
        """Kill the learner; all processes must end."""
        self.pause()
        self.learner.kill()
        self.ended()

    def stop_learner(self) -> None:
        """Stop the learner as a user does; it must save its state."""
        self.learner.process.send_signal(signal.SIGTERM)
        code = self.learner.process.wait(self.patience)
        if code or not self.learner.find("state saved"):
            self.broken.append(f"stopped with exit code {code}: {self.learner.text()[-300:]}")
        self.ended()
        for left in Path("/tmp").glob(f"retroracer-ray-*-{self.learner.process.pid}"):
            self.broken.append(f"{left} is left behind")

    def ended(self) -> None:
        """No process may be left of a learner that is gone."""
        begun = time.monotonic()
        left = left_behind(self.folder, self.patience)
        self.gone.append(time.monotonic() - begun)
        self.broken += [f"left running: {p} {name[:60]}" for p, name in left.items()]


def campaign(actor_kills: int, learner_kills: int, seed: int, patience: float) -> dict[str, Any]:
    """Kill so often; what came of it."""
    shared, begun = shared_memory(), time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        made = Campaign(Path(name), seed, patience)
        try:
            for session in range(learner_kills + 1):
                made.start()
                share = actor_kills * (session + 1) // (learner_kills + 1)
                made.kill_actors(share - actor_kills * session // (learner_kills + 1))
                made.account()
                if session < learner_kills:
                    made.kill_learner()
                else:
                    made.stop_learner()
        except AssertionError as error:
            made.broken.append(str(error)[-2000:])
            made.learner.kill()
            made.ended()
    left = sorted(shared_memory() - shared)
    made.broken += [f"/dev/shm/{file} is left behind" for file in left]

    def spread(times: list[float]) -> dict[str, float]:
        found = sorted(times)
        return {"median": round(found[len(found) // 2], 2), "most": round(found[-1], 2)}

    return {
        "ok": not made.broken,
        "broken": made.broken,
        "actor_kills": actor_kills,
        "learner_kills": learner_kills,
        "rows_accounted_for": made.rows,
        "pieces_lost": sum(made.lost),
        "pieces_lost_an_actor_kill": round(sum(made.lost) / max(actor_kills, 1), 2),
        "seconds_until_an_actor_is_back": spread(made.back or [0.0]),
        "seconds_until_a_learners_actors_have_weights": spread(made.started),
        "seconds_until_all_processes_are_gone": spread(made.gone),
        "seconds": round(time.monotonic() - begun),
        "machine": machine(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actor-kills", type=int, default=50)
    parser.add_argument("--learner-kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=float, default=120.0, help="longest wait [s]")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    told = campaign(args.actor_kills, args.learner_kills, args.seed, args.patience)
    text = json.dumps(told, indent=1)
    print(text)
    if args.json:
        write_text(args.json, text + "\n")
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
