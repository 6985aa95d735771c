"""What a frame of the game costs, and how soon the first one is there.

Run: python benchmarks/bench_game.py [--frames 3000] [--track monza] [--json FILE]   prints JSON.

The dummy video driver: everything is worked out and drawn at 1280x720, with four solid cars and
all overlays on, with twenty, and with two people's halves of the screen, but nothing is handed to a
screen. Times are of the process's own work (CPU time of its threads) and of the clock; on a machine
that is busy with other things the clock's tail is theirs. A start is a new process from its first
line to the end of its first frame.

    python benchmarks/bench_game.py --memory 60

races four solid cars for so many minutes of race time, as fast as the machine can, with a picture a
second, and prints the process's resident memory on the way: nothing else is measured then.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as play does
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from retroracer.atomic import write_text  # noqa: E402

if TYPE_CHECKING:
    from retroracer.game.app import App
    from retroracer.game.screens.race import RaceScreen

START = """
import time
begun = time.perf_counter()
import sys
from retroracer.game.app import App, Options
from retroracer.game.race.garage import put_together
app = App(Options(headless=True), put_together({track!r}, rivals=1))
app.step(1 / 60)
heavy = [m for m in ("torch", "stable_baselines3", "ray") if m in sys.modules]
print(time.perf_counter() - begun, *heavy)
"""


def shares(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and largest, in milliseconds."""
    ms = np.array(seconds) * 1e3
    return {
        "median_ms": round(float(np.median(ms)), 2),
        "p99_ms": round(float(np.percentile(ms, 99)), 2),
        "max_ms": round(float(ms.max()), 2),
    }


def race_of(track: str, cars: int, players: int = 1) -> "tuple[App, RaceScreen]":
    """A race of solid cars without end; what people's cars do is decided by the first agent."""
    from retroracer.game.app import App, Options
    from retroracer.game.race.garage import put_together
    from retroracer.game.screens.race import RaceScreen

    setup = put_together(track, rivals=cars - players, laps=0, players=players)
    app = App(Options(headless=True, lights=False), setup)
    screen = app.screen
    assert isinstance(screen, RaceScreen)
    # People's cars are driven by the first agent's network: its cost is a rival's, no more.
    act, session = setup.policies[0].act, screen.session
    screen._inputs = lambda: [tuple(a) for a in act(session.observation[:players]).tolist()]  # type: ignore[method-assign]
    return app, screen


def frames(
    track: str, count: int, overlays: bool, cars: int = 4, players: int = 1
) -> dict[str, object]:
    """Drive ``count`` frames of a race of solid cars and time each."""
    from retroracer.game.app import settle

    app, screen = race_of(track, cars, players)
    if overlays:
        screen.overlays.on = {"sight", "pedals", "reward", "path"}
        screen.overlays.racing_line = True
    for _ in range(60):
        app.step(1 / 60)
    settle()  # as App.run does
    work, clock = [], []
    for _ in range(count):
        cpu, wall = time.process_time(), time.perf_counter()
        app.step(1 / 60)
        work.append(time.process_time() - cpu)
        clock.append(time.perf_counter() - wall)
    app.close()
    return {
        "cars": screen.session.race.n,
        "players": players,
        "overlays": overlays,
        "contacts": int(screen.session.race.company.marks[:, 2].sum()) // 2,
        "frames": count,
        "work": shares(work),
        "clock": shares(clock),
        "over_50_ms": int((np.array(clock) > 0.05).sum()),
    }


def resident_mb() -> float:
    """Resident memory of this process [MB]; Linux."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def memory(track: str, minutes: int) -> dict[str, object]:
    """Race four solid cars for some minutes of race time; resident memory at each tenth of it."""
    app, screen = race_of(track, cars=4)
    sampled = {"0": resident_mb()}
    for second in range(60 * minutes):
        for _ in range(9):
            screen.advance(0.1)
        app.step(0.1)
        done = second + 1
        if done == 60 or done % (6 * minutes) == 0:
            sampled[f"{done / 60:g}"] = resident_mb()
            print(f"minute {done / 60:g}: {resident_mb()} MB", file=sys.stderr, flush=True)
    session = screen.session
    app.records.flush()
    report = {
        "race_minutes": round(session.time / 60, 2),
        "laps": session.race.lap.tolist(),
        "resident_mb_at_minute": sampled,
    }
    app.close()
    return report


def starts(track: str, count: int) -> dict[str, object]:
    """New processes to their first frame."""
    times, heavy = [], set()
    for _ in range(count):
        done = subprocess.run(
            [sys.executable, "-c", START.format(track=track)],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds, *loaded = done.stdout.strip().splitlines()[-1].split()
        times.append(float(seconds))
        heavy |= set(loaded)
    return {
        "seconds": [round(t, 2) for t in times],
        "median_s": round(statistics.median(times), 2),
        "heavy_modules": sorted(heavy),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--track", default="monza")
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--memory", type=int, metavar="MINUTES", help="of race time")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    from benchmarks.machine import machine
    from retroracer.laptime.limit import limit_of
    from retroracer.physics.car import load_car
    from retroracer.track.files import load_track

    with tempfile.TemporaryDirectory() as home:
        os.environ.setdefault("RETRORACER_HOME", home)
        limit_of(load_track(args.track), load_car("gt"))  # solved before, as in any later race
        report = {"machine": machine(), "size": [1280, 720], "track": args.track}
        if args.memory:
            report["memory"] = memory(args.track, args.memory)
        else:
            report |= {
                "race": frames(args.track, args.frames, overlays=False),
                "race_with_overlays": frames(args.track, args.frames, overlays=True),
                "race_of_20": frames(args.track, args.frames, overlays=False, cars=20),
                "two_players": frames(args.track, args.frames, overlays=False, players=2),
                "start": starts(args.track, args.starts),
            }
    text = json.dumps(report, indent=1)
    print(text)
    if args.json:
        write_text(args.json, text + "\n")


if __name__ == "__main__":
    main()
