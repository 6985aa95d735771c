"""Kill and stop runs of every kind at random moments, and look whether anything is lost.

    python benchmarks/campaign.py [--count 100] [--kinds base-sac base-ppo fine-tune ...]
                                  [--minutes M] [--seed 0] [--json FILE] [--keep DIR]

A trial starts a tiny run, or goes on with the one the last trial left, and ends it after a random
time: by SIGKILL, or by SIGINT, SIGTERM or SIGHUP to the process or to its whole group. Then it
looks for: files that are not whole, a state or model that does not load, a process left behind,
a stop that took longer than two seconds, a traceback, words that are not true. Every few trials
the run is left alone to its end, which must come, with a model. Kinds take turns, and the JSON is
written after every turn, so that a part of a campaign is balanced too. Prints a table and JSON;
exit code 1 if any promise was broken.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

from benchmarks.machine import machine
from retroracer.agents.model_file import read_facts
from retroracer.atomic import write_text
from retroracer.errors import UserError
from retroracer.training.run.folder import RunFolder

LONGEST_STOP = 2.0
"""Seconds from a stop to the end of the process."""

TO_ITS_END = 8
"""Every so-manieth trial is not disturbed."""

_TINY = ["cars=8", "hidden=[16,16]", "evaluate_on=4", "evaluate_every=0.5", "save_every=0.5"]
_PPO = ["ppo.n_steps=32", "ppo.batch_size=128", "critics.buffer_size=4000"]
_PPO += ["critics.learning_starts=64", "critics.batch_size=32"]
_PIXELS = ["network.features=8", "network.hidden=[8]", "network.convs=slim", "pipeline.size=64"]
_PIXELS += ["evaluate_on=1", "evaluate_every=1", "save_every=1", "pipeline.stack=2"]
_ENVS = ["envs=2", "workers=2", "pipeline.early_stop=5"]


def _sets(*settings: str) -> list[str]:
    return [x for setting in (*settings, "log_to=[]") for x in ("--set", setting)]


KINDS: dict[str, list[str]] = {
    "base-sac": ["train-base", "--algo", "sac", "--steps", "1500"]
    + _sets(*_TINY, "sac.buffer_size=4000", "sac.learning_starts=64", "sac.batch_size=32",
        "stages=[{learner: sac}]", "sac.branches.states=4"),
    "base-ppo": ["train-base", "--algo", "ppo", "--minutes", "0.12"]
    + _sets(
        *_TINY, *_PPO, "imitation.rounds=2", "imitation.tracks=4", "imitation.updates=60",
        "imitation.n_steps=20",
    ),
    "fine-tune": ["fine-tune", "--track", "switchback", "--minutes", "0.1"]
    + _sets(
        "sac.learning_starts=64", "sac.critics_first=16", "sac.branches.states=4", "cars=16",
        "evaluate_every=1", "save_every=1",
    ),
    "pixel-ppo": ["train-pixels", "--algo", "ppo", "--steps", "800", "--device", "cpu"]
    + _sets(*_PIXELS, *_ENVS, "ppo.n_steps=32", "ppo.batch_size=32", "ppo.n_epochs=2"),
    "pixel-dqn": ["train-pixels", "--algo", "dqn", "--steps", "800", "--device", "cpu"]
    + _sets(
        *_PIXELS, *_ENVS, "dqn.learning_starts=30", "dqn.batch_size=8", "dqn.buffer_size=2000"
    ),
    "pixel-imitation": ["train-pixels", "--algo", "imitation", "--device", "cpu"]
    + _sets(
        *_PIXELS, "imitation.rounds=2", "imitation.first_drives=1", "imitation.drives=1",
        "imitation.updates=40", "imitation.batch_size=8", "imitation.capacity=6000",
    ),
}  # fmt: skip
"""Commands of tiny runs, by kind."""

WAYS = (
    ("SIGKILL", False), ("SIGKILL", True), ("SIGINT", False), ("SIGINT", True),
    ("SIGTERM", False), ("SIGTERM", True), ("SIGHUP", False), ("SIGHUP", True),
)  # fmt: skip
"""Signals, and whether the whole group gets them."""

LATE, LATEST = 0.6, 5.0
"""Share of the trials that are disturbed only once a learner trains, and seconds after that."""

LEARNERS = ("imitation", "ppo", "sac", "critics", "dqn")

BEGUN = "Ctrl+C saves everything"
"""Stands in the first line of a run."""


@dataclass
class Found:
    """What the trials of a kind came to.

    Attributes:
        counts: trials by what was done.
        broken: promises that were not kept, in words.
        stops: seconds from stops to ends.
        went_on: sessions that went on with a state.
        finished: runs that came to their end.
        stages: the last stage told before a trial's end, and how often.
    """

    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    broken: list[str] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    went_on: int = 0
    finished: int = 0
    stages: collections.Counter[str] = field(default_factory=collections.Counter)


class Trials:
    """Trials of one kind in one folder.

    Args:
        kind: a key of ``KINDS``.
        folder: to work in.
        temporary: folder of the runs' temporary files; its path must be short.
        rng: of moments and ways.
    """

    def __init__(self, kind: str, folder: Path, temporary: Path, rng: random.Random) -> None:
        self.kind, self.folder, self.temporary, self.rng = kind, folder, temporary, rng
        self.out, self.runs = folder / "m.zip", folder / "runs"
        self.run = RunFolder(self.runs / "m")
        self.command = [sys.executable, "-m", "retroracer", *KINDS[kind]]
        self.command += ["--out", str(self.out), "--runs", str(self.runs)]
        self.found = Found()
        self.longest = 20.0  # seconds a session takes, as far as known
        self.best: float | None = None

    def trial(self, number: int) -> None:
        """Run once, disturb it, look at what is left."""
        quiet = number % TO_ITS_END == TO_ITS_END - 1
        name, group = self.rng.choice(WAYS)
        how = "to its end" if quiet else f"{name}{' to the group' if group else ''}"
        self.found.counts[how] += 1
        had = self.run.unfinished_here() and not self.run.untouched()
        log = self.folder / "log.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                self.command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=_hear_stops,
                env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(self.temporary)},
                cwd=Path(__file__).parent.parent,
            )  # fmt: skip
        began = time.monotonic()
        try:
            late = self.rng.random() < LATE and not quiet
            if late:
                self._until_it_trains(process, log)
            most = LATEST if late else self.longest
            process.wait(240.0 if quiet else self.rng.uniform(0.3, most))
            self.longest = 0.7 * self.longest + 0.3 * max(time.monotonic() - began, 3.0)
            how = "to its end"
            took = 0.0
        except subprocess.TimeoutExpired:
            if quiet:
                self._broken(number, how, "it did not come to its end in 240 s", log)
                name, group = "SIGKILL", True
            took = self._end(process, name, group)
        text = log.read_text(errors="replace")
        told = [line for line in text.splitlines() if line.strip()]
        self.found.stages[_stage(told)] += 1
        self._look(number, how, name, process, took, text, had, log)

    def _until_it_trains(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Wait until a learner is told of: on a slow machine, loading takes most of a session."""
        for _ in range(600):
            lines = log.read_text(errors="replace").splitlines()
            if _stage(lines) in LEARNERS or process.poll() is not None:
                return
            time.sleep(0.1)

    def _end(self, process: subprocess.Popen[bytes], name: str, group: bool) -> float:
        """Send the signal; seconds until the process has ended."""
        sent, number = time.monotonic(), getattr(signal, name)
        (os.killpg if group else os.kill)(process.pid, number)
        if name != "SIGKILL" and self.rng.random() < 0.3:  # an impatient user
            time.sleep(self.rng.uniform(0.0, 0.5))
            if process.poll() is None:
                (os.killpg if group else os.kill)(process.pid, number)
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return time.monotonic() - sent

    def _broken(self, number: int, how: str, what: str, log: Path) -> None:
        self.found.broken.append(f"{self.kind} {number}, {how}: {what}")
        shutil.copy(log, self.folder / f"broken-{number}.txt")
        print(f"  BROKEN {self.found.broken[-1]}", flush=True)

    def _look(
        self, number: int, how: str, name: str, process: subprocess.Popen[bytes], took: float,
        text: str, had: bool, log: Path,
    ) -> None:  # fmt: skip
        """Hold what is there against what was promised."""

        def broken(what: str) -> None:
            self._broken(number, how, what, log)

        killed = how != "to its end" and name == "SIGKILL"
        if "Traceback" in text:
            broken("a traceback")
        if "\x1b" in text:
            broken("control sequences in a log file")
        if how != "to its end" and not killed:
            self.found.stops.append(took)
            if took > LONGEST_STOP:
                broken(f"the stop took {took:.1f} s")
            # Before the run begins and once it is done, the system's own way to end a program is
            # as good.
            idle = BEGUN not in text or "done:" in text
            polite = (0, 130, 128 + getattr(signal, name))
            if process.returncode not in polite and not (idle and process.returncode < 0):
                broken(f"exit code {process.returncode}")
            state = self.run.unfinished_here()
            if process.returncode == 0 and not state and not self.out.exists():
                broken("neither a state nor a model is left")
            if "goes on" in text.partition("\nstopped")[2] and not state:
                broken("it says that it can go on, and there is no state")
        if how == "to its end":
            self.found.finished += 1
            if process.returncode != 0:
                broken(f"exit code {process.returncode}: {text[-300:]}")
            if "done:" not in text or not self.out.exists():
                broken("it ended without a model")
        if "done:" in text and not self.out.exists():
            broken("it says done, and there is no model")
        went_on = "going on with the run" in text
        self.found.went_on += went_on
        if had and BEGUN in text and not went_on:
            broken("it did not go on with the run that was there")
        if "cannot go on" in text or "is damaged" in text:
            broken(f"what was kept is damaged: {text[-300:]}")
        self._files(broken, went_on or how == "to its end")
        self._processes(broken, process.pid)

    def _files(self, broken: Any, begun: bool) -> None:
        models = [self.out, *self.run.checkpoints.glob("*.zip"), self.run.best]
        for model in models:
            try:
                if model.exists():
                    read_facts(model)
            except UserError as error:
                broken(f"{error}")
        if self.run.unfinished_here():
            try:
                self.run.load()
            except UserError as error:
                broken(f"{error}")
        if begun and len(list(self.folder.rglob(".*.part"))) > 1:
            # One may be of a kill in this very trial.
            broken("parts of files that were never finished lie about")
        if len(list(self.temporary.iterdir())) > 2:
            broken("temporary folders lie about")

    def _processes(self, broken: Any, group: int) -> None:
        """Nothing of the run's may be left a second later."""
        for _ in range(30):
            left = _of_session(group)
            if not left:
                return
            time.sleep(0.1)
        broken(f"processes are left: {left}")
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def _hear_stops() -> None:
    """Undo what ``nohup`` and a shell's background have done: a run started by them is deaf."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


def _of_session(session: int) -> list[int]:
    """Living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(path.parent.name))
    return found


def _stage(told: list[str]) -> str:
    """The last stage a run told of: its preparation, a learner, or its end."""
    stages = ("preparing", *LEARNERS, "done")
    for line in reversed(told):
        name = line.partition(":")[0].partition(" ")[0]
        if name in stages:
            return name
    return "loading" if any(BEGUN in line for line in told) else "before all"


def main(argv: list[str] | None = None) -> int:
    """Run and report."""
    parser = argparse.ArgumentParser(description="Kill and stop runs at random moments.")
    parser.add_argument("--count", type=int, default=100, help="trials of each kind")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no trials after that")
    parser.add_argument("--json", type=Path, help="also write the verdict to this file")
    parser.add_argument("--keep", type=Path, help="work here, and leave what there is to see")
    args = parser.parse_args(argv)
    began = time.perf_counter()
    work = args.keep or Path(tempfile.mkdtemp(prefix="campaign-"))
    os.environ.setdefault("RETRORACER_HOME", str(work / "home"))
    every = []
    short = Path(tempfile.mkdtemp(prefix="c-"))
    for kind in args.kinds:
        temporary = short / str(len(every))
        for folder in (work / kind, temporary):
            folder.mkdir(parents=True, exist_ok=True)
        every.append(Trials(kind, work / kind, temporary, random.Random(f"{args.seed} {kind}")))
    verdict: dict[str, Any] = {}
    for number in range(args.count):  # in turn, so that what is there so far is of all kinds
        if time.perf_counter() - began > 60.0 * args.minutes:
            break
        for trials in every:
            trials.trial(number)
        verdict = _verdict(every, number + 1, time.perf_counter() - began)
        if args.json:
            write_text(args.json, json.dumps(verdict, indent=1) + "\n")
        if (number + 1) % 10 == 0:
            _print(verdict)
    shutil.rmtree(short, ignore_errors=True)
    if not args.keep:
        shutil.rmtree(work, ignore_errors=True)
    _print(verdict)
    print(json.dumps(verdict, indent=1))
    return 0 if verdict.get("ok") else 1


def _verdict(every: list[Trials], count: int, seconds: float) -> dict[str, Any]:
    """What has come of so many trials of each kind."""
    table, broken = {}, []
    for trials in every:
        found = trials.found
        broken += found.broken
        stops = sorted(found.stops)
        table[trials.kind] = {
            "trials": count,
            "broken": len(found.broken),
            "went_on": found.went_on,
            "finished": found.finished,
            "stop_s_median": round(stops[len(stops) // 2], 2) if stops else None,
            "stop_s_max": round(stops[-1], 2) if stops else None,
            "ways": dict(found.counts),
            "stages": dict(found.stages),
        }
    return {
        "ok": not broken,
        "broken": broken,
        "kinds": table,
        "seconds": round(seconds),
        "machine": machine(),
    }


def _print(verdict: dict[str, Any]) -> None:
    for kind, row in verdict.get("kinds", {}).items():
        figures = {k: v for k, v in row.items() if k not in ("ways", "stages")}
        print(f"{kind:16} " + "  ".join(f"{k} {v}" for k, v in figures.items()), flush=True)


if __name__ == "__main__":
    sys.exit(main())
