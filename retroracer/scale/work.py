"""The loop of an actor: join a learner, drive, send rows, fetch weights, join again if it is lost.

Every actor runs it, whether the run or a user started its process. Does not import torch: an actor
does not need it, and importing it takes longer than everything else together.
"""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Callable
from typing import Any

from retroracer.errors import UserError
from retroracer.scale.cluster import load_ray
from retroracer.scale.driving import Explorer, Simulator, drive
from retroracer.scale.hub import ENDED, JOIN_AGAIN

AGAIN = 1.0
"""Seconds between attempts to find a learner."""


Build = Callable[[], Simulator]
"""Makes an actor's simulator; called in the actor's process."""


class GoneError(Exception):
    """The hub does not answer: its learner has ended or was killed."""


class Actor:
    """One actor: its number differs from that of every other actor of the learner.

    ``seed`` is that of its exploration, ``steps`` the vector steps in a piece; ``tell`` prints a
    line, and ``sent`` counts the pieces it has sent.
    """

    def __init__(
        self,
        simulator: Simulator,
        number: int,
        node: str,
        seed: int,
        steps: int,
        tell: Callable[[str], object],
    ) -> None:
        self.simulator, self.number, self.node = simulator, number, node
        self.steps, self.tell = steps, tell
        self.life = secrets.token_hex(8)
        self.explorer = Explorer(seed)
        self.sent = 0
        self._ray = load_ray()
        self._waiting = False

    def serve(self, hub: Any, until: Callable[[], bool] = lambda: False) -> None:
        """Work for one hub until its learner ends, or ``until`` returns True.

        Raises:
            GoneError: if the hub does not answer.
            UserError: if this actor does not fit the learner.
        """
        try:
            answer = JOIN_AGAIN
            while answer != ENDED and not until():
                if answer == JOIN_AGAIN:
                    self._join(hub, until)
                answer = self._piece(hub)
        except self._ray.exceptions.RayActorError as error:
            raise GoneError(str(error)) from None

    def _piece(self, hub: Any) -> int:
        """Drive and send one piece; returns the hub's answer, as ``Hub.push``."""
        ray = self._ray
        rows = drive(self.simulator, self.explorer, self.steps, self.number, self.life, self.sent)
        reference = ray.put(rows)
        header = {
            "actor": self.number,
            "life": self.life,
            "number": self.sent,
            "version": self.explorer.version,
            "count": rows.transitions,
        }
        self.sent += 1
        # It waits here for as long as the learner has more than it can use.
        answer: int = ray.get(hub.push.remote(header, [reference]))
        if answer > self.explorer.version:
            weights = ray.get(hub.newest.remote())
            if weights is not None and weights.version > self.explorer.version:
                self.explorer.weights = weights
        return answer

    def _join(self, hub: Any, until: Callable[[], bool]) -> None:
        """Join the learner; drive by the fallback until there are weights."""
        simulator = self.simulator
        while not until():
            why, weights = self._ray.get(
                hub.join.remote(
                    self.number, self.life, simulator.contract, simulator.about, self.node
                )
            )
            if why is not None:
                raise UserError(f"actor {self.number} does not fit the learner: {why}")
            if weights is not None:
                known = self.explorer.version
                if weights.version > known:
                    self.explorer.weights = weights
                self.tell(f"weights {self.explorer.version} received")
                return
            self.idle()

    def idle(self) -> None:
        """Drive one piece without a learner; nothing is sent."""
        if not self._waiting:
            self._waiting = True
            driver = (
                self.simulator.fallback_name
                if self.explorer.weights is None
                else f"weights {self.explorer.version}"
            )
            self.tell(f"no learner yet: {driver} drives meanwhile")
        begun = time.monotonic()
        drive(self.simulator, self.explorer, self.steps, self.number, self.life, 0)
        time.sleep(max(AGAIN - (time.monotonic() - begun), 0.0))


class OwnActor:
    """An actor that the run starts; ``ray.remote`` makes a Ray actor of it."""

    def __init__(self, build: Build, number: int, seed: int, steps: int) -> None:
        self.build, self.number, self.seed, self.steps = build, number, seed, steps

    def work(self, hub: Any) -> None:
        """Drive for the learner until it ends."""

        def tell(text: str) -> None:
            hub.say.remote(self.number, text)

        try:
            actor = Actor(
                self.build(), self.number, socket.gethostname(), self.seed, self.steps, tell
            )
            while True:
                try:
                    actor.serve(hub)
                    return
                except GoneError:
                    time.sleep(1.0)  # the learner makes it anew, or Ray ends this process
        except UserError as error:
            raise RuntimeError(str(error)) from None
