"""What the learner's end tells of its actors, from the hub's status. Without Ray."""

from __future__ import annotations

from typing import Any

from retroracer.agents.rows import Contract
from retroracer.scale.feed import RayFeed


def status(*joined: int) -> dict[str, Any]:
    actors = [
        {"actor": k, "env": "4 cars", "node": "here", "joined": n} for k, n in enumerate(joined)
    ]
    told = {"layout": "x", "observations": 3, "actions": 1, "scaling": [0.5], "bounds": [[-2, 2]]}
    return {"actors": actors, "contract": told, "waiting": 0}


def test_actors_that_join_come_back_or_are_turned_away_are_told_once_each() -> None:
    lines: list[str] = []
    feed = RayFeed(Contract("", 3, 1), [], "r", None, 0, 8, lines.append)
    feed._heed(status(1), [])
    feed._heed(status(1, 1), ["actor 1: weights 4 received"])
    feed._heed(status(2, 1), ["actor 9: why"])
    feed._heed(status(2, 1), [])
    assert lines == [
        "actor 0 joined: 4 cars on here",
        "actor 1 joined: 4 cars on here",
        "actor 1: weights 4 received",
        "actor 0 came back (1. restart)",
        "actor 9: why",
    ]
    assert feed.contract == Contract("x", 3, 1, (0.5,), ((-2, 2),))
