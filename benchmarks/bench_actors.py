"""The same page trained in one process, and by a learner with one and with two actors.

    python benchmarks/bench_actors.py [--minutes 10] [--actors 0 1 2] [--json FILE]

Run it when nothing else uses the machine: it takes three times the minutes. Each run is the
command (``train-base``; ``scale train --actors N``) on the page ``configs/scale-sac.yaml``, and is
evaluated every 20 seconds on the 50 unseen random tracks of any training run. Prints for each rows
(transitions) and updates a second, the minutes until 90 % of the tracks were completed, and how
many cores its processes kept busy, all from the first logged row of the run on, and how many
threads the updates had.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

from benchmarks.machine import machine
from retroracer.atomic import write_text
from retroracer.config import to_dict
from retroracer.processes import cores
from retroracer.resources import configs_dir
from retroracer.training.learners import STREAMED
from retroracer.training.learners.stream_settings import StreamSettings
from retroracer.training.run.settings import load
from tests.scale.programs import Program, living, private

WANTED = 0.9
TICK = os.sysconf("SC_CLK_TCK")


class Meter:
    """Processor time of all processes that work in a folder, also of those that have ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds: dict[int, float] = {}

    def read(self) -> float:
        """Seconds so far; call it often, or what ends in between is missed."""
        for process in living(self.folder):
            try:
                cells = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            self.seconds[process] = (int(cells[11]) + int(cells[12])) / TICK
        return sum(self.seconds.values())


def command(actors: int, told: list[str], folder: Path) -> list[str]:
    """The command of a run; no actors = in one process."""
    page = configs_dir() / "scale-sac.yaml"
    places = ["--runs", "runs", "--run-name", "run", "--out", "driver.zip"]
    told = [*places, "--set", "evaluate_every=20", "--set", "log_to=[]", *told]
    if actors:
        return ["scale", "train", "--config", str(page), "--actors", str(actors), *told]
    # Every setting is named: train-base would take those left out from its own page.
    plain = to_dict(load(StreamSettings, STREAMED, page))
    del plain["stream"]
    own = folder / "page.yaml"
    own.write_text(yaml.safe_dump(plain), encoding="utf-8")
    return ["train-base", "--config", str(own), *told]


def rows_of(path: Path) -> list[dict[str, float]]:
    """The rows of a ``progress.csv``, without cells that are empty or words."""

    def plain(row: dict[str, str]) -> dict[str, float]:
        found = {}
        for name, text in row.items():
            try:
                found[name] = float(text)
            except (TypeError, ValueError):
                continue
        return found

    if not path.is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        return [plain(row) for row in csv.DictReader(file)]


def measure(actors: int, told: list[str]) -> dict[str, Any]:
    """One run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progress = folder / "runs" / "run" / "progress.csv"
        meter = Meter(folder)
        arguments = ["-m", "retroracer", *command(actors, told, folder)]
        program = Program("run", arguments, folder, private(folder))
        first: tuple[float, float] | None = None
        while program.process.poll() is None:
            time.sleep(0.5)
            used, now = meter.read(), time.monotonic()
            if first is None and rows_of(progress):
                first = used, now
            if program.process.poll() is None:
                last = used, now
        rows = rows_of(progress)
        threads = re.findall(r"on (\d+) CPU threads", program.text())
        if program.process.returncode or first is None or len(rows) < 2:
            raise SystemExit(f"it ended with {program.process.returncode}:\n{program.text()}")
    took = rows[-1]["seconds"] - rows[0]["seconds"]
    judged = [row for row in rows if "completed" in row]
    good = (row["seconds"] / 60 for row in judged if row["completed"] >= WANTED * row["tracks"])
    busy = (last[0] - first[0]) / (last[1] - first[1])
    return {
        "actors": actors or "in one process",
        "rows_per_second": round((rows[-1]["steps"] - rows[0]["steps"]) / took),
        "updates_per_second": round((rows[-1]["updates"] - rows[0]["updates"]) / took, 1),
        "minutes_to_90_percent_of_unseen_tracks": next((round(m, 2) for m in good), None),
        "completed_at_the_end": judged[-1]["completed"] / judged[-1]["tracks"] if judged else None,
        "cores_busy": round(busy, 2),
        "cores_busy_share": round(busy / cores(), 3),
        "threads_of_the_updates": int(threads[-1]) if threads else None,
        "evaluations": [
            {
                "minutes": round(row["seconds"] / 60, 2),
                "completed": row["completed"] / row["tracks"],
            }
            for row in judged
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of each run")
    parser.add_argument("--actors", type=int, nargs="+", default=[0, 1, 2], help="0: one process")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", action="append", default=[], help="a setting of every run")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    told = ["--minutes", str(args.minutes), "--seed", str(args.seed)]
    told += [part for text in args.set for part in ("--set", text)]
    runs = []
    for actors in args.actors:
        runs.append(measure(actors, told))
        print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    text = json.dumps({"options": told, "runs": runs, "machine": machine()}, indent=1)
    print(text)
    if args.json:
        write_text(args.json, text + "\n")


if __name__ == "__main__":
    main()
