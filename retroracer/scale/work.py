"""An actor at work: it joins a learner, drives, sends rows, fetches weights, and comes back.

Owns the loop that every actor runs, in a process of the run's own or in anybody's. Imports no
torch: an actor has no use for it, and its import takes longer than all others together.
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
"""Seconds between attempts to find a learner that is gone."""


Build = Callable[[], Simulator]
"""Makes an actor's simulator, in the actor's process."""


class GoneError(Exception):
    """The hub does not answer: its learner has ended, or is being restarted."""


class Actor:
    """One actor.

    Args:
        simulator: what it drives.
        number: its id, unlike that of any other actor of the learner.
        node: name of its machine.
        seed: of its exploration.
        steps: vector steps it sends at once.
        tell: shows a line.

    Attributes:
        sent: pieces whose rows the hub took.
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
        """Work for one hub until its learner ends.

        Args:
            hub: of the learner.
            until: true when it shall stop.

        Raises:
            GoneError: if the hub does not answer any more.
            UserError: if this actor does not fit the learner.
        """
        try:
            self._join(hub, until)
            while not until() and self._piece(hub):
                pass
        except self._ray.exceptions.RayActorError as error:
            raise GoneError(str(error)) from None

    def _piece(self, hub: Any) -> bool:
        """Drive and send; False if the learner has ended."""
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
        newest = ray.get(hub.push.remote(header, [reference]))
        if newest == ENDED:
            return False
        if newest == JOIN_AGAIN:
            self._join(hub, lambda: False)
        elif newest > self.explorer.version:
            weights = ray.get(hub.newest.remote())
            if weights is not None and weights.version > self.explorer.version:
                self.explorer.weights = weights
        return True

    def _join(self, hub: Any, until: Callable[[], bool]) -> None:
        """Join; while there are no weights, the fallback drives, for nothing is learned yet."""
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
        """Drive on without a learner: nothing is sent."""
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
    """An actor in a process that the run starts; ``ray.remote`` makes one of it."""

    def __init__(self, build: Build, number: int, seed: int, steps: int) -> None:
        self.build, self.number, self.seed, self.steps = build, number, seed, steps

    def work(self, hub: Any) -> None:
        """Work until the learner ends."""

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
