"""How far one learner goes: a simulation of up to a thousand actors, without any of them.

    python benchmarks/bench_ingest.py --json ingest.json
    python benchmarks/simulate_scale.py --measure --ingest-of ingest.json --json simulated.json

Actors drive pieces, send them, and wait while enough pieces wait; the hub handles a message at a
time; the learner takes in the rows that its debt allows, and makes the updates that they owe. What
a row and a piece take is read from ``bench_ingest.py``; ``--measure`` measures here, on one core,
how fast an actor drives our cars and how fast the learner updates, by the page ``scale-sac``. Any
other machine or simulator: give its figures as options.
"""

from __future__ import annotations

import argparse
import heapq
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Parts:
    """What the parts take.

    Attributes:
        row_rate: rows a second that an actor drives by itself.
        piece: rows in a piece.
        message: seconds the hub takes for a piece: its messages from the actor and to the learner.
        take: seconds the learner takes for a piece, beside its rows.
        ingest: rows a second the learner takes in, when it does nothing else.
        updates: updates a second it makes, when it does nothing else.
        ratio: updates owed for a row.
        most_debt: updates owed beyond which nothing is taken in.
        room: pieces of each actor that may wait before actors stop driving.
        publish: seconds from version to version.
    """

    row_rate: float = 100.0
    piece: int = 32
    message: float = 0.0008
    take: float = 0.001
    ingest: float = 3_000_000.0
    updates: float = 400.0
    ratio: float = 4.0
    most_debt: float = 4096.0
    room: int = 1
    publish: float = 1.0


CHUNK = 32
"""Updates between two looks for new rows, as in ``training.learners.streamed``."""


def simulate(actors: int, parts: Parts, seconds: float) -> dict[str, Any]:
    """Play a learner with so many actors."""
    # Events: (time, order, actor). An actor's piece arrives at the hub, then waits there.
    drive = parts.piece / parts.row_rate
    events = [(drive * (k + 1) / actors, k, k) for k in range(actors)]
    order, hub_free, learner = actors, 0.0, 0.0
    waiting: deque[tuple[float, float]] = deque()  # since, and when its driving began
    blocked: deque[tuple[float, int]] = deque()
    rows, updates, debt, hub_busy, learning = 0, 0.0, 0.0, 0.0, 0.0
    lags: list[float] = []
    lost_time = 0.0

    def drive_on(actor: int, at: float) -> None:
        nonlocal order
        order += 1
        heapq.heappush(events, (at + drive, order, actor))

    while learner < seconds:
        while events and events[0][0] <= learner:
            at, _, actor = heapq.heappop(events)
            hub_free = max(hub_free, at) + parts.message
            hub_busy += parts.message
            waiting.append((hub_free, at - drive))
            if len(waiting) < parts.room * actors:
                drive_on(actor, hub_free)
            else:
                blocked.append((at, actor))
        before = learner
        while waiting and waiting[0][0] <= before and debt < parts.most_debt:
            _, begun = waiting.popleft()
            lags.append((before - begun) / parts.publish)
            rows += parts.piece
            debt += parts.ratio * parts.piece
            learner += parts.take + parts.piece / parts.ingest
        while blocked and len(waiting) < parts.room * actors:
            since, actor = blocked.popleft()
            lost_time += learner - since
            drive_on(actor, learner)
        if debt >= 1.0:
            count = min(float(CHUNK), debt)
            learner += count / parts.updates
            learning += count / parts.updates
            updates, debt = updates + count, debt - count
        elif learner == before:
            learner = max(learner + 1e-3, events[0][0] if events else learner)
    lost_time += sum(learner - since for since, _ in blocked)
    return {
        "actors": actors,
        "rows_per_second": round(rows / learner),
        "of_what_actors_could": round(rows / learner / (actors * parts.row_rate), 3),
        "updates_per_second": round(updates / learner, 1),
        "learner_updating": round(learning / learner, 3),
        "hub_busy": round(min(hub_busy / learner, 1.0), 3),
        "actors_waiting": round(min(lost_time / learner / actors, 1.0), 3),
        "lag_versions_mean": round(sum(lags) / max(len(lags), 1), 2),
        "lag_versions_most": round(max(lags, default=0.0), 2),
    }


def rate(work: Callable[[], int], seconds: float) -> float:
    """How much of it a second of this process's processor time does."""
    work()
    done, begun = 0, time.process_time()
    while time.process_time() < begun + seconds:
        done += work()
    return done / (time.process_time() - begun)


def measure(parts: Parts, cars: int, seconds: float) -> Parts:
    """With the rates of our own cars' actor and learner on one core of this machine.

    Args:
        parts: the others.
        cars: of an actor.
        seconds: of each measurement.
    """
    import tempfile

    import torch

    from retroracer.agents.rows import Rows
    from retroracer.envs import task
    from retroracer.physics.car import load_car
    from retroracer.scale.cars import Cars
    from retroracer.scale.driving import Explorer, drive
    from retroracer.scale.feed import RayFeed
    from retroracer.scale.train import plans_of
    from retroracer.training.learners import STREAMED
    from retroracer.training.learners.learner import Clock
    from retroracer.training.learners.stream_settings import StreamSettings
    from retroracer.training.learners.streamed import StreamedSAC
    from retroracer.training.learners.streamed_task import OtherSimulator
    from retroracer.training.run.settings import load, shipped_page

    torch.set_num_threads(1)
    page, nobody = shipped_page("scale-sac"), "stream={env: nobody, actors: 0, "
    own = load(StreamSettings, STREAMED, page, None, [f"cars={cars}", "stream.actors=1"])
    plain = ["device=cpu", "sac.demonstrations.share=0"]
    sizes = f"{nobody}obs_dim: {task.N_OBS}, act_dim: {2}}}"
    other = load(StreamSettings, STREAMED, page, None, [sizes, *plain])
    assert isinstance(own, StreamSettings) and isinstance(other, StreamSettings)
    simulator, explorer = Cars(plans_of(own, load_car(), None)[0]), Explorer(0)
    contract = simulator.contract
    with tempfile.TemporaryDirectory() as folder:
        feed = RayFeed(contract, [], "none", None, 0, own.stream.rollout, lambda text: None)
        learned = OtherSimulator(other, feed, Path(folder))
        learner = StreamedSAC(learned, other.of("sac"), first=True)
        learned._random = False
        explorer.weights = learned._next_weights()

    def driven() -> int:
        piece: Rows = drive(simulator, explorer, own.stream.rollout, 0, "a", 0)
        return piece.transitions

    row_rate = rate(driven, seconds)
    while len(learner.memory) < 100_000:
        learner.memory.add(drive(simulator, explorer, own.stream.rollout, 0, "a", 0))

    def learn() -> int:
        learner._learn(Clock(0.5, 0.5), CHUNK)
        return CHUNK

    updates = rate(learn, seconds)
    return replace(
        parts,
        row_rate=round(row_rate),
        piece=cars * own.stream.rollout,
        updates=round(updates, 1),
        ratio=learner.ratio,
        most_debt=own.stream.most_debt,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = Parts()
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2, 4, 10, 30, 100, 300, 1000])
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated")
    parser.add_argument("--ingest-of", type=Path, metavar="FILE", help="written by bench_ingest.py")
    parser.add_argument("--measure", action="store_true", help="our cars and learner, here")
    parser.add_argument("--cars", type=int, default=512, help="of an actor that is measured")
    for name, value in asdict(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=f"({value:g})")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    parts = defaults
    if args.measure:
        parts = measure(parts, args.cars, 5.0)
    if args.ingest_of:
        told = json.loads(args.ingest_of.read_text())
        parts = replace(
            parts,
            ingest=told["large"]["rows_per_second_of_the_learners_processor_time"],
            take=told["small"]["learner_ms_a_piece"] / 1000,
            message=told["small"]["hub_ms_a_piece"] / 1000,
        )
    given = {name: getattr(args, name) for name in asdict(defaults)}
    parts = replace(parts, **{name: value for name, value in given.items() if value is not None})
    print(json.dumps(asdict(parts)))
    runs = [simulate(n, parts, args.seconds) for n in args.actors]
    for line in runs:
        print(json.dumps(line))
    if args.json:
        args.json.write_text(json.dumps({"parts": asdict(parts), "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
