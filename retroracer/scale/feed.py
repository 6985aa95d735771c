"""The learner's side of Ray: it starts hub and actors, receives rows, publishes weights.

Owns what happens when one of them dies: an actor is restarted, a piece that was on its way is
counted as lost, a restarted hub is given its state again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from retroracer.agents.rows import Contract, Rows, Weights
from retroracer.errors import UserError
from retroracer.scale.cluster import NAMESPACE, ONE_THREAD, join, leave, load_ray, start
from retroracer.scale.hub import Hub, name_of
from retroracer.scale.work import Build, OwnActor
from retroracer.training.learners.streamed import Feed
from retroracer.training.run.stopping import held

LOST_AFTER = 5.0
"""Seconds after which a piece that was announced is given up."""

LOOK_EVERY = 1.0
"""Seconds between checks of the actors."""

LEAVE_WITHIN = 0.5
"""Seconds that actors have to end by themselves when the learner ends."""

NAME_FREE = 60.0
"""Longest wait for the hub of a killed learner to disappear, or for a dead hub to restart [s]."""


class RayFeed(Feed):
    """Rows and weights through Ray.

    ``builds`` make the simulators of the run's own actors, by ``run`` other actors find it.
    ``address`` is HOST:PORT of a cluster to join; None starts Ray on this machine. ``seed`` is that
    of the first actor's exploration, ``steps`` the vector steps in a piece; ``tell`` prints a line.
    """

    def __init__(
        self,
        contract: Contract,
        builds: Sequence[Build],
        run: str,
        address: str | None,
        seed: int,
        steps: int,
        tell: Callable[[str], object],
    ) -> None:
        self.contract, self.builds, self.run, self.address = contract, builds, run, address
        self.seed, self.steps, self.tell = seed, steps, tell
        self.lost = 0
        self.seen: dict[str, Any] = {}
        self.hub: Any = None
        self.actors: list[Any] = []
        self.joined = ""
        self._tasks: list[Any] = []
        self._pending: Any = None
        self._look: Any = None
        self._looked = 0.0
        self._weights: Weights | None = None

    def start(self) -> None:
        """Start or join Ray."""
        if self.joined:
            return
        if self.address is None:
            self.joined = start(max(len(self.builds), 1))
        else:
            join(self.address)
            self.joined = self.address

    def open(self, weights: Weights) -> None:
        """Let actors join, and start the run's own."""
        self.start()
        ray = load_ray()
        self._weights = weights
        self._make_hub()
        remote = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=-1)(OwnActor)
        # On this machine Ray's workers have this environment from their start.
        env = {} if self.address is None else {"runtime_env": {"env_vars": ONE_THREAD}}
        for k, build in enumerate(self.builds):
            self.actors.append(remote.options(**env).remote(build, k, self.seed + k, self.steps))
        self._tasks = [actor.work.remote(self.hub) for actor in self.actors]
        self.tell(
            f"Ray at {self.joined}; another actor: python -m retroracer scale actor --address "
            f"{self.joined} --env package.module:make --actor-id {len(self.builds)}"
        )
        free = ray.cluster_resources().get("CPU", 0.0)
        if free < len(self.builds):
            self.tell(
                f"the cluster has room for {free:.0f} of {len(self.builds)} actors; "
                "the others start when machines join"
            )

    def _make_hub(self) -> None:
        ray = load_ray()
        options = {"num_cpus": 0, "name": name_of(self.run), "namespace": NAMESPACE}
        limit = time.monotonic() + NAME_FREE
        while True:
            try:
                made = ray.remote(Hub).options(max_concurrency=10_000, max_restarts=-1, **options)
                self.hub = made.remote(self.run)
                break
            except ValueError:  # of a learner that was killed a moment ago
                if time.monotonic() > limit:
                    raise UserError(
                        f"a learner named {self.run!r} is running at {self.joined}; choose "
                        "another --run-name"
                    ) from None
                time.sleep(0.5)
        ray.get(self.hub.begin.remote(self.contract, self._weights))

    def take(self, seconds: float, most: int) -> list[Rows]:
        """The pieces that have arrived, and a request for the next ones."""
        ray = load_ray()
        self._watch()
        if self._pending is None and most > 0:
            self._pending = self.hub.take.remote(1.0, most)
        if self._pending is None:
            time.sleep(0.1 * seconds)
            return []
        ready, _ = ray.wait([self._pending], timeout=seconds, fetch_local=False)
        if not ready:
            return []
        pending, self._pending = self._pending, None
        try:
            found = ray.get(pending)
        except ray.exceptions.RayActorError:
            self._introduce()
            return []
        most -= sum(header["count"] for header, _ in found)
        if most > 0:  # it travels while these are learned from
            self._pending = self.hub.take.remote(1.0, most)
        pieces = []
        for _, (reference,) in found:
            try:
                rows = ray.get(reference, timeout=LOST_AFTER)
            except ray.exceptions.RayError:  # its actor died with it
                self.lost += 1
                continue
            pieces.append(rows)
        return pieces

    def publish(self, weights: Weights, figures: Mapping[str, float]) -> None:
        """Send newer weights and the learner's figures to the hub."""
        self._weights = weights
        self.hub.publish.remote(weights, dict(figures))

    def _introduce(self) -> None:
        """Give a hub that Ray has restarted its contract and weights."""
        ray = load_ray()
        self._look = None  # an answer from before would be heeded as another restart
        self.tell("the hub was killed and restarts; the pieces that waited in it are lost")
        self.lost += int(self.seen.get("waiting", 0))
        deadline = time.monotonic() + NAME_FREE
        while True:
            try:
                ray.get(self.hub.begin.remote(self.contract, self._weights))
                return
            except ray.exceptions.RayActorError:
                if time.monotonic() > deadline:
                    raise UserError("the hub of the run was killed and does not restart") from None
                time.sleep(0.2)

    def _watch(self) -> None:
        """Print the actors' messages; raise what a restart cannot mend."""
        ray = load_ray()
        now = time.monotonic()
        if now < self._looked + LOOK_EVERY:
            return
        self._looked = now
        failed, _ = ray.wait(self._tasks, timeout=0) if self._tasks else ([], [])
        if failed:
            try:
                ray.get(failed)
            except ray.exceptions.RayError as error:
                raise UserError(f"an actor failed: {_cause(error)}") from None
        if self._look is None:
            self._look = self.hub.look.remote()
            return
        if ray.wait([self._look], timeout=0)[0]:
            with contextlib.suppress(ray.exceptions.RayError):
                status, said = ray.get(self._look)
                if status["contract"] is None:  # Ray restarted it while no request was pending
                    self._introduce()
                else:
                    self._heed(status, said)
            self._look = None

    def _heed(self, status: dict[str, Any], said: Sequence[str]) -> None:
        before = {a["actor"]: a for a in self.seen.get("actors", ())}
        for actor in status["actors"]:
            earlier = before.get(actor["actor"])
            if earlier is None:
                self.tell(f"actor {actor['actor']} joined: {actor['env']} on {actor['node']}")
            elif actor["joined"] > earlier["joined"]:
                self.tell(f"actor {actor['actor']} came back ({actor['joined'] - 1}. restart)")
        for line in said:
            self.tell(line)
        told = status["contract"]
        pairs = tuple(tuple(p) for p in told["bounds"])
        self.contract = Contract(**{**told, "scaling": tuple(told["scaling"]), "bounds": pairs})
        self.seen = status

    def close(self) -> None:
        """Stop all actors and leave Ray."""
        if not self.joined:
            return
        with held():  # ended in the midst of this, Ray's processes would outlive the run
            self._close()

    def _close(self) -> None:
        ray = load_ray()
        with contextlib.suppress(Exception):
            ray.get(self.hub.end.remote(LEAVE_WITHIN), timeout=2 * LEAVE_WITHIN)
            ray.wait(self._tasks, num_returns=len(self._tasks), timeout=LEAVE_WITHIN)
        for actor in [*self.actors, self.hub]:
            with contextlib.suppress(Exception):
                ray.kill(actor)
        self.actors, self.hub, self._tasks = [], None, []
        self.joined = ""
        leave()


def _cause(error: BaseException) -> str:
    cause = getattr(error, "cause", None) or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[-1][:300]
