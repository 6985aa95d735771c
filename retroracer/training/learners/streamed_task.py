"""Tasks whose rows come from actors: the racing task, and any other simulator.

Owns what a task with actors has in addition: the feed, the versions of published weights, and the
zip of the latest round. How rows are transported is the feed's business.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from retroracer.agents import checkpoint
from retroracer.agents.facts import Facts
from retroracer.agents.fast_sac import FastSAC
from retroracer.agents.model_file import Layers, find_model, read_actor, read_facts
from retroracer.agents.rows import Rows, Weights
from retroracer.atomic import write_text
from retroracer.envs.named import SpacesOnly
from retroracer.physics.car import Car
from retroracer.track.track import Track
from retroracer.training.judging.choice import LapJudge
from retroracer.training.judging.evaluation import Evaluation
from retroracer.training.learners.racing import PLAIN, Racing
from retroracer.training.learners.sac_task import SACTask
from retroracer.training.learners.stream_settings import StreamSettings
from retroracer.training.learners.streamed import Feed

RESERVED = 1000
"""Version numbers reserved on disk before they are used: after a kill the learner continues with a
number above every version that an actor can have."""


class Streamed(SACTask):
    """What tasks with a feed share; ``version`` is that of the last published weights."""

    settings: StreamSettings
    feed: Feed
    folder: Path
    version: int = 0
    tell: Callable[[str], object] = print
    _reserved = 0
    _zipped = -math.inf
    _random = False
    _published: tuple[int, bool, tuple[float, ...]] | None = None
    _last: Weights

    def begin(self, session: int) -> None:
        """Let actors join; they get the current weights."""
        reserved = 0
        with suppress(OSError, ValueError):
            reserved = int((self.folder / "version").read_text(encoding="utf-8"))
        self.version = max(self.version, min(reserved, 2**62)) + 1
        self._random = self.updates == 0
        self._last = self._next_weights()
        self.feed.open(self._last)

    def arrived(self, rows: Rows) -> None:
        """Count rows that were kept."""
        self.model.num_timesteps += rows.transitions
        episodes = rows.episodes
        if len(episodes):
            self._stats.add(episodes[:, 0], episodes[:, 1], episodes[:, 2], episodes[:, 3])

    def publish(self, random: bool, figures: Mapping[str, float]) -> None:
        """Send the actors the current weights if these have changed, and the figures."""
        now = (self.updates, random, self._reward())
        if now != self._published:
            self.version += 1
            self._random = random
            self._last = self._next_weights()
        self.feed.publish(self._last, {**figures, "steps": self.steps, "updates": self.updates})

    def _next_weights(self) -> Weights:
        self._published = (self.updates, self._random, self._reward())
        if self.version >= self._reserved:
            self._reserved = self.version + RESERVED
            write_text(self.folder / "version", f"{self._reserved}\n")
        return Weights(self.version, exploring_layers(self.model), self._random, self._reward())

    def _reward(self) -> tuple[float, ...]:
        return ()

    def keep_round(self) -> None:
        """Save the driver after a round, at most every ``stream.zip_every`` seconds."""
        now = time.monotonic()
        if now >= self._zipped + self.settings.stream.zip_every:
            self.write(self.folder / "latest.zip", None, {})
            self._zipped = now

    def close(self) -> None:
        """Disconnect all actors."""
        self.feed.close()


class StreamedRacing(Streamed, Racing):
    """The racing task, driven by actors, which get the reward's weights with the network's.

    Drivers are evaluated in this process. ``parts`` are car, tracks and judge, as for ``Racing``.
    """

    def __init__(
        self,
        settings: StreamSettings,
        parts: tuple[Car, list[Track] | None, LapJudge],
        feed: Feed,
        folder: Path,
    ) -> None:
        Racing.__init__(self, dataclasses.replace(settings, cars=1), *parts)
        self.settings, self.feed, self.folder = settings, feed, folder

    def _reward(self) -> tuple[float, ...]:
        return tuple(self.batch.reward)


class OtherSimulator(Streamed):
    """Another simulator, of which only the rows and the spaces of the feed's contract are known."""

    def __init__(self, settings: StreamSettings, feed: Feed, folder: Path) -> None:
        self.feed, self.folder = feed, folder
        self.obs = np.zeros((1, feed.contract.observations), np.float32)
        super().__init__(settings, _model(settings, feed))

    def set_reward(self, share: float) -> None:
        """Do nothing: another simulator has its own reward."""

    @property
    def _layout(self) -> str:
        contract = self.feed.contract
        return contract.layout or f"own-{contract.observations}x{contract.actions}"

    def evaluate(self, parent: bool = False) -> Evaluation:
        """The mean return of the last training episodes: no tracks or limits are known."""
        stats = self._stats.means()
        score = stats.get("return", -1e9)
        text = f"mean return {score:.1f} of the last training episodes" if stats else "no episode"
        figures = {"training_return": stats.get("return"), "training_steps": stats.get("seconds")}
        return Evaluation(score, bool(stats), figures, text)

    def kind(self) -> dict[str, Any]:
        """The layout."""
        return {"observation_layout": self._layout}

    def score_of(self, path: Path) -> float:
        """Infinite: another run's model cannot be evaluated here, so it is never replaced."""
        return math.inf

    def write(self, path: Path, evaluation: Evaluation | None, notes: Mapping[str, Any]) -> None:
        """Write the averaged driver as a zip that plain ``SAC.load`` opens."""
        path.parent.mkdir(parents=True, exist_ok=True)
        parent = self.settings.parent
        facts = Facts(
            observation_layout=self._layout,
            steps=self.steps,
            seed=self.settings.seed,
            tracks=(self.settings.stream.env,),
            parent=Path(parent).stem if parent else None,
            evaluation={} if evaluation is None else dict(evaluation.figures),
            notes={**notes, "contract": dataclasses.asdict(self.feed.contract)},
        )
        with self.averaged() as model, model.in_plain_rewards():
            checkpoint.save(model, path, facts, plain=PLAIN)


def _model(settings: StreamSettings, feed: Feed) -> FastSAC:
    contract = feed.contract
    env = DummyVecEnv([lambda: SpacesOnly(contract.observations, contract.actions)])
    arguments = settings.sac_arguments() | {
        "buffer_size": 1,  # SB3's own replay stays unused
        "seed": settings.seed,
        "device": settings.device,
    }
    if settings.parent is not None:
        layout = read_facts(find_model(settings.parent)).observation_layout
        model = checkpoint.load_sac(settings.parent, env, layout=layout, **arguments)
    else:
        kwargs = {"net_arch": list(settings.hidden)}
        model = FastSAC("MlpPolicy", env, policy_kwargs=kwargs, **arguments)
    model.half = settings.half()
    return model


def exploring_layers(model: FastSAC) -> Layers:
    """Copies of the actor's layers; the last gives means, then log standard deviations."""
    actor: Any = model.actor
    linear = [m for m in actor.latent_pi if isinstance(m, torch.nn.Linear)]

    def plain(*heads: torch.nn.Linear) -> tuple[Any, Any]:
        with torch.no_grad():
            weight = torch.cat([m.weight for m in heads]).T.contiguous().cpu().numpy().copy()
            return weight, torch.cat([m.bias for m in heads]).cpu().numpy().copy()

    return [*(plain(m) for m in linear), plain(actor.mu, actor.log_std)]


def spaces_of(model: str | Path) -> tuple[str, int, int]:
    """Layout, numbers in an observation and numbers in an action of a model to start from."""
    path = find_model(model)
    layers = read_actor(path)
    return read_facts(path).observation_layout, len(layers[0][0]), len(layers[-1][1])
