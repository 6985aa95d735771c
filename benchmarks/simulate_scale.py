"""How far one learner goes: a simulation of up to a thousand actors, without any of them.

    python benchmarks/simulate_scale.py --actors 1 10 100 1000 --row-rate 100 --json simulated.json

Actors drive pieces, send them, and wait while there is no room; the hub handles a message at a
time; the learner takes in all that waits, and makes the updates that rows owe. Times of the
parts are measured elsewhere (``bench_ingest.py``, a run's table) and given here.
"""

from __future__ import annotations

import argparse
import heapq
import json
from collections import deque
from dataclasses import dataclass
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
        room: pieces of each actor that may wait.
        publish: seconds from version to version.
    """

    row_rate: float = 100.0
    piece: int = 320
    message: float = 0.0008
    take: float = 0.001
    ingest: float = 3_000_000.0
    updates: float = 400.0
    ratio: float = 4.0
    most_debt: float = 4096.0
    room: int = 2
    publish: float = 1.0


def simulate(actors: int, parts: Parts, seconds: float) -> dict[str, Any]:
    """Play a learner with so many actors."""
    # Events: (time, order, kind, actor). An actor's piece arrives at the hub, then waits there.
    events: list[tuple[float, int, int]] = []
    drive = parts.piece / parts.row_rate
    for k in range(actors):
        heapq.heappush(events, (drive * (k + 1) / actors, k, k))
    order, hub_free, learner = actors, 0.0, 0.0
    waiting: list[tuple[float, int, float]] = []  # came, actor, begun
    blocked: deque[tuple[float, int]] = deque()
    rows, updates, debt, hub_busy, learning = 0, 0.0, 0.0, 0.0, 0.0
    lags: list[float] = []
    lost_time = 0.0
    while learner < seconds:
        while events and events[0][0] <= learner:
            at, _, actor = heapq.heappop(events)
            hub_free = max(hub_free, at) + parts.message
            hub_busy += parts.message
            if len(waiting) < parts.room * actors:
                waiting.append((hub_free, actor, at - drive))
                order += 1
                heapq.heappush(events, (hub_free + drive, order, actor))
            else:
                blocked.append((at, actor))
        ready = [w for w in waiting if w[0] <= learner]
        if ready and debt <= parts.most_debt:
            waiting = [w for w in waiting if w[0] > learner]
            for _, _, begun in ready:
                lags.append((learner - begun) / parts.publish)
                rows += parts.piece
                debt += parts.ratio * parts.piece
                learner += parts.take + parts.piece / parts.ingest
            while blocked and len(waiting) < parts.room * actors:
                since, actor = blocked.popleft()
                lost_time += learner - since
                waiting.append((learner, actor, since - drive))
                order += 1
                heapq.heappush(events, (learner + drive, order, actor))
        elif debt >= 1.0:
            count = min(32.0, debt)
            learner += count / parts.updates
            learning += count / parts.updates
            updates, debt = updates + count, debt - count
        else:
            learner = max(learner + 1e-3, events[0][0] if events else learner)
    lost_time += sum(learner - since for since, _ in blocked)
    return {
        "actors": actors,
        "rows_per_second": round(rows / learner),
        "of_what_actors_could": round(rows / learner / (actors * parts.row_rate), 3),
        "updates_per_second": round(updates / learner, 1),
        "learner_updating": round(learning / learner, 3),
        "hub_busy": round(min(hub_busy / learner, 1.0), 3),
        "actors_waiting": round(lost_time / learner / actors, 3),
        "lag_versions_mean": round(sum(lags) / max(len(lags), 1), 2),
        "lag_versions_most": round(max(lags, default=0.0), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    defaults = Parts()
    parser.add_argument("--actors", type=int, nargs="+", default=[1, 2, 4, 10, 30, 100, 300, 1000])
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated")
    for name, value in vars(defaults).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    parts = Parts(**{name: getattr(args, name) for name in vars(defaults)})
    told = [simulate(n, parts, args.seconds) for n in args.actors]
    for line in told:
        print(json.dumps(line))
    if args.json:
        args.json.write_text(json.dumps({"parts": vars(parts), "runs": told}, indent=1) + "\n")


if __name__ == "__main__":
    main()
