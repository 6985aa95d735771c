"""The hub: where actors join a learner, leave their rows and fetch its weights.

Owns one small Ray actor a run, which holds references and counts, never rows. Slow actors block
nobody; actors faster than the learner wait here.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from retroracer.agents.rows import Contract, Weights

ROOM = 2
"""Pieces of each actor that may wait for the learner."""

JOIN_AGAIN, ENDED = -1, -2
"""What an actor is told instead of a version."""

SILENT = 10.0
"""Seconds without a word after which an actor counts as gone."""


@dataclass
class Seen:
    """What is known of an actor.

    Attributes:
        life: of its start; joined: how often it has joined.
        env: what it drives; node: where.
        rows: it has announced; version: of the weights it drove with last.
        at: when it was heard last; rate: rows a second lately.
    """

    life: str
    env: str
    node: str
    joined: int = 1
    rows: int = 0
    version: int = 0
    at: float = 0.0
    rate: float = 0.0


class Hub:
    """State of a hub; ``ray.remote`` makes an actor of it."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.contract: Contract | None = None
        self.weights: Weights | None = None
        self.figures: dict[str, float] = {}
        self.actors: dict[int, Seen] = {}
        self.queue: deque[tuple[dict[str, Any], list[Any]]] = deque()
        self.changed = asyncio.Condition()
        self.turned_away: list[str] = []
        self.said: list[str] = []
        self.ended = False

    async def begin(self, contract: Contract, weights: Weights) -> None:
        """The learner is there; actors may join."""
        self.contract = contract
        await self.publish(weights, {})

    async def publish(self, weights: Weights, figures: dict[str, float]) -> None:
        """Newer weights, and how the learner is doing."""
        if self.weights is None or weights.version > self.weights.version:
            self.weights = weights
        self.figures = figures or self.figures
        async with self.changed:
            self.changed.notify_all()

    async def join(
        self, actor: int, life: str, contract: Contract, env: str, node: str
    ) -> tuple[str | None, Weights | None]:
        """An actor joins.

        Returns:
            Why it must not, in words, or None; and the newest weights, if there are any yet.
        """
        if self.contract is None:
            return None, None
        other = self.actors.get(actor)
        now = time.monotonic()
        why = self.contract.mismatch(contract)
        if other is not None and now < other.at + SILENT and other.node != node:
            why = why or f"number {actor} is taken by an actor on {other.node}"
        if why is not None:
            self.turned_away = [*self.turned_away[-99:], f"actor {actor} ({env} on {node}): {why}"]
            return why, None
        self.contract = self.contract.completed_by(contract)
        joined = 1 if other is None else other.joined + 1
        rows = 0 if other is None else other.rows
        self.actors[actor] = Seen(life, env, node, joined, rows, at=now)
        return None, self.weights

    async def push(self, header: dict[str, Any], rows: list[Any]) -> int:
        """An actor leaves a reference to its rows; waits while there is no room.

        Args:
            header: actor, life, number, version and count of the rows.
            rows: the reference, in a list so that Ray does not fetch it.

        Returns:
            The newest version; JOIN_AGAIN, or ENDED when the learner has ended.
        """
        if self.ended:
            return ENDED
        seen = self.actors.get(header["actor"])
        if seen is None or seen.life != header["life"]:
            return JOIN_AGAIN
        now = time.monotonic()
        took = max(now - seen.at, 1e-3)
        seen.rate += 0.2 * (header["count"] / took - seen.rate)
        seen.rows += header["count"]
        seen.at, seen.version = now, header["version"]
        async with self.changed:
            while len(self.queue) >= ROOM * max(len(self.actors), 1):
                seen.at = time.monotonic()  # it waits: it is not silent
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 1.0)
                if self.ended:
                    return ENDED
            self.queue.append((header, rows))
            self.changed.notify_all()
        return self.weights.version if self.weights is not None else 0

    async def take(self, seconds: float) -> list[tuple[dict[str, Any], list[Any]]]:
        """All that waits for the learner; waits at most so long for the first."""
        async with self.changed:
            if not self.queue:
                try:
                    await asyncio.wait_for(self.changed.wait_for(lambda: self.queue), seconds)
                except TimeoutError:
                    return []
            found = list(self.queue)
            self.queue.clear()
            self.changed.notify_all()
        return found

    async def end(self) -> None:
        """The learner has ended: its actors may."""
        self.ended = True
        async with self.changed:
            self.changed.notify_all()

    async def newest(self) -> Weights | None:
        """The newest weights."""
        return self.weights

    async def agreed(self) -> Contract | None:
        """What learner and actors agree on by now."""
        return self.contract

    async def say(self, actor: int, text: str) -> None:
        """An actor of the run tells a person something."""
        self.said = [*self.said[-99:], f"actor {actor}: {text}"]

    async def look(self) -> tuple[dict[str, Any], list[str]]:
        """For the learner: the status, and what actors have said since."""
        said, self.said = self.said, []
        return await self.status(), said

    async def status(self) -> dict[str, Any]:
        """All that a person may want to know, as plain data."""
        version = self.weights.version if self.weights is not None else 0
        now = time.monotonic()
        actors = []
        for number, seen in sorted(self.actors.items()):
            silent = now - seen.at
            here = silent < SILENT
            lag = version - seen.version if seen.version else None
            actors.append(
                {
                    "actor": number,
                    "env": seen.env,
                    "node": seen.node,
                    "joined": seen.joined,
                    "rows": seen.rows,
                    "rows_per_second": round(seen.rate, 1) if here else 0.0,
                    "version": seen.version,
                    "lag": lag,
                    "silent_s": round(silent, 1),
                    "here": here,
                }
            )
        return {
            "run": self.run,
            "version": version,
            "contract": None if self.contract is None else asdict(self.contract),
            "learner": self.figures,
            "waiting": len(self.queue),
            "actors": actors,
            "turned_away": self.turned_away,
        }


def name_of(run: str) -> str:
    """The hub's name in Ray."""
    return f"hub of {run}"
