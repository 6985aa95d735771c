"""A learner whose hub is killed while it wants no rows. A program, because Ray changes the
environment of the process that loads it."""

from __future__ import annotations

import time

from retroracer.agents.rows import Contract, Weights
from retroracer.scale.cluster import load_ray
from retroracer.scale.feed import RayFeed
from tests.scale.programs import PATIENCE

if __name__ == "__main__":
    lines: list[str] = []
    feed = RayFeed(Contract("", 3, 1), [], "alone", None, 0, 8, lines.append)
    try:
        feed.open(Weights(1, (), False, ()))
        ray = load_ray()
        ray.kill(feed.hub, no_restart=False)
        limit = time.monotonic() + PATIENCE
        while not any("was killed" in line for line in lines) and time.monotonic() < limit:
            assert feed.take(1.0, 0) == []
        assert ray.get(feed.hub.look.remote())[0]["version"] == 1
        assert [line for line in lines if "was killed" in line] == lines[1:]
    finally:
        feed.close()
    print("introduced again", flush=True)
