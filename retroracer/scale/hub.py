"""The hub of a run: actors join here, queue their pieces of rows and fetch weights.

Owns one small Ray actor per run, and finding those of a cluster. It holds references to pieces,
never their rows, so it is no bottleneck of memory. A slow actor blocks nobody. An actor that is
faster than the learner waits before it drives, not with a piece that it has driven, so that it
drives by the newest weights.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from retroracer.agents.rows import Contract, Weights
from retroracer.errors import UserError
from retroracer.scale.cluster import NAMESPACE, load_ray

ROOM = 1
"""Pieces of each actor that may wait for the learner before actors stop driving. One is enough to
keep the learner busy; more only make the rows older when they are learned from."""

JOIN_AGAIN, ENDED = -1, -2
"""Answers of ``push`` that are not a version."""

SILENT = 10.0
"""Seconds without a message after which an actor counts as gone."""


@dataclass
class Seen:
    """What the hub knows of an actor.

    ``life`` is the unique name of its last start, ``node`` its machine; it has joined ``joined``
    times. ``at`` and ``pushed`` are the times of its last message and its last piece
    (``time.monotonic``), ``version`` is that of the weights of that piece, ``rate`` its rows per
    second, smoothed.
    """

    life: str
    env: str
    node: str
    joined: int = 1
    rows: int = 0
    version: int = 0
    at: float = 0.0
    pushed: float = 0.0
    rate: float = 0.0


class Hub:
    """The hub; ``ray.remote`` makes a Ray actor of it."""

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
        self.told: set[int] = set()  # actors that know of the end

    async def begin(self, contract: Contract, weights: Weights) -> None:
        """The learner is ready: actors may join from now on."""
        self.contract = contract
        await self.publish(weights, {})

    async def publish(self, weights: Weights, figures: dict[str, float]) -> None:
        """Newer weights, and the learner's figures for the status."""
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
            Why it is refused (None = it has joined), and the newest weights (None = none yet).
        """
        if self.contract is None:
            return None, None
        other = self.actors.get(actor)
        now = time.monotonic()
        why = self.contract.mismatch(contract)
        if other is not None and now < other.at + SILENT and other.node != node:
            why = why or f"number {actor} is taken by an actor on {other.node}"
        if why is not None:
            refusal = f"actor {actor} ({env} on {node}): {why}"
            self.turned_away = [*self.turned_away[-99:], refusal]
            self._keep(refusal)
            return why, None
        self.contract = self.contract.completed_by(contract)
        joined = 1 if other is None else other.joined + 1
        rows = 0 if other is None else other.rows
        self.actors[actor] = Seen(life, env, node, joined, rows, at=now, pushed=now)
        return None, self.weights

    async def push(self, header: dict[str, Any], rows: list[Any]) -> int:
        """Queue a piece of an actor's rows; the answer waits until another one is wanted.

        ``header`` has its actor, life, number, version and count of rows; ``rows`` is the
        reference, in a list so that Ray does not fetch it.

        Returns:
            The newest version; JOIN_AGAIN, or ENDED when the learner has ended.
        """
        if self.ended:
            return await self._tell_end(header["actor"])
        seen = self.actors.get(header["actor"])
        if seen is None or seen.life != header["life"]:
            return JOIN_AGAIN
        now = time.monotonic()
        took = max(now - seen.pushed, 1e-3)
        seen.rate += 0.2 * (header["count"] / took - seen.rate)
        seen.rows += header["count"]
        seen.at = seen.pushed = now
        seen.version = header["version"]
        async with self.changed:
            self.queue.append((header, rows))
            self.changed.notify_all()
            while not self.ended and len(self.queue) >= ROOM * max(len(self.actors), 1):
                seen.at = time.monotonic()  # it waits: it is not silent
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.changed.wait(), 1.0)
        if self.ended:
            return await self._tell_end(header["actor"])
        return self.weights.version if self.weights is not None else 0

    async def _tell_end(self, actor: int) -> int:
        self.told.add(actor)
        async with self.changed:
            self.changed.notify_all()
        return ENDED

    async def take(self, seconds: float, most: int) -> list[tuple[dict[str, Any], list[Any]]]:
        """The oldest pieces that wait for the learner, after at most so many seconds.

        Together they hold at least ``most`` transitions, if there are as many.
        """
        async with self.changed:
            if not self.queue:
                try:
                    await asyncio.wait_for(self.changed.wait_for(lambda: self.queue), seconds)
                except TimeoutError:
                    return []
            found = []
            while self.queue and most > 0:
                found.append(self.queue.popleft())
                most -= max(found[-1][0]["count"], 1)
            self.changed.notify_all()
        return found

    async def end(self, seconds: float) -> None:
        """The learner has ended: wait at most so long until its actors know."""
        self.ended = True
        now = time.monotonic()
        here = {n for n, seen in self.actors.items() if now < seen.at + SILENT}
        async with self.changed:
            self.changed.notify_all()
            with contextlib.suppress(TimeoutError):
                told = self.changed.wait_for(lambda: here <= self.told)
                await asyncio.wait_for(told, seconds)
        await asyncio.sleep(0.05)  # the answers are on their way

    async def newest(self) -> Weights | None:
        """The newest weights; None before there are any."""
        return self.weights

    async def say(self, actor: int, text: str) -> None:
        """Keep a message of an actor for the learner's screen."""
        self._keep(f"actor {actor}: {text}")

    def _keep(self, line: str) -> None:
        self.said = [*self.said[-99:], line]

    async def look(self) -> tuple[dict[str, Any], list[str]]:
        """For the learner: the status, and the messages of actors since the last call."""
        said, self.said = self.said, []
        return await self.status(), said

    async def status(self) -> dict[str, Any]:
        """Actors, queue and learner as plain data, for ``scale status`` and the live table."""
        version = self.weights.version if self.weights is not None else 0
        now = time.monotonic()
        actors = []
        for number, seen in sorted(self.actors.items()):
            silent = now - seen.at
            here = silent < SILENT
            plain = {n: getattr(seen, n) for n in ("env", "node", "joined", "rows", "version")}
            figures = {
                "rows_per_second": round(seen.rate, 1) if here else 0.0,
                "lag": version - seen.version if seen.version else None,
                "silent_s": round(silent, 1),
                "here": here,
            }
            actors.append({"actor": number} | plain | figures)
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


def names() -> list[str]:
    """Names of the runs that have a hub on the cluster."""
    ray = load_ray()
    begin = name_of("")
    found = ray.util.list_named_actors(all_namespaces=True)
    mine = [a["name"] for a in found if a["namespace"] == NAMESPACE]
    return sorted(name.removeprefix(begin) for name in mine if name.startswith(begin))


def find_hub(run: str | None) -> Any:
    """The hub of a run; ``run`` None = of the only one, a ``UserError`` if there are several.

    None if there is no such hub.
    """
    ray = load_ray()
    if run is None:
        known = names()
        if len(known) > 1:
            raise UserError(
                f"there are several learners, {', '.join(known)}: choose one by --run-name"
            )
        if not known:
            return None
        run = known[0]
    try:
        return ray.get_actor(name_of(run), namespace=NAMESPACE)
    except ValueError:
        return None


def statuses() -> list[dict[str, Any]]:
    """The status of every learner whose hub answers."""
    ray = load_ray()
    found = []
    for run in names():
        hub = find_hub(run)
        try:
            found.append(ray.get(hub.status.remote(), timeout=10.0))
        except (ray.exceptions.RayError, AttributeError):
            continue
    return found
