"""SAC, SAC+DrQ and DQN at work: driving, remembering, and learning while the envs drive on.

Owns the loop between envs, replay and model. The updates are SB3's own (SAC, DQN) or
``agents.drq``'s.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.utils import FloatSchedule, polyak_update

from retroracer.agents import pixel_replay_file
from retroracer.agents.drq import DrQSAC, means
from retroracer.agents.facts import plain_json
from retroracer.agents.pixel_replay import PixelReplay
from retroracer.checks import COUNT, count, generator_state, number
from retroracer.errors import UserError
from retroracer.training.pixels.gathering import Learner, State
from retroracer.training.pixels.settings import PixelRun

HELD = 0.25
"""Chance that a random driver changes its action: it holds one for a third of a second."""


class Drawn:
    """The replay as SB3's own updates ask for it: in the place of a replay buffer."""

    def __init__(self, replay: PixelReplay) -> None:
        self.replay = replay

    def sample(self, batch_size: int, env: Any = None) -> ReplayBufferSamples:
        """Draw transitions."""
        batch = self.replay.sample(batch_size, raw=True)
        action = batch.action.reshape(batch_size, -1)
        discount = batch.discount[:, None]
        done = (discount == 0.0).float()
        return ReplayBufferSamples(
            batch.obs, action, batch.next_obs, done, batch.reward[:, None], discount
        )


class OffPolicyLearner(Learner):
    """Cars, their memory and the model it goes into.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: PixelRun) -> None:
        off = settings.off
        arguments: dict[str, Any] = {
            "learning_rate": off.learning_rate,
            "gamma": off.gamma,
            "tau": off.tau,
            "batch_size": off.batch_size,
            "buffer_size": 1,  # SB3's memory stays unused
        }
        self.greedy = settings.algorithm == "DQN"
        if self.greedy:
            # SB3 updates DQN's target while it drives; here the updates do, softly.
            arguments |= {"target_update_interval": 10**9, "max_grad_norm": 10.0}
        else:
            arguments["ent_coef"] = off.ent_coef
        super().__init__(settings, arguments)
        if isinstance(self.model, DrQSAC):
            self.model.half, self.model.pad = settings.amp, off.pad
        channels, *sides = self.envs.observation_space.shape  # type: ignore[misc]
        stack = settings.pipeline.stack
        self.replay = PixelReplay(
            off.replay,
            settings.envs,
            (channels // stack, *sides),
            tuple(self.envs.action_space.shape or ()),
            discrete=self.greedy,
            stack=stack,
            n_steps=off.n_steps,
            gamma=off.gamma,
            device=self.model.device,
            storage=self.model.device if off.replay_on_device else "cpu",
            seed=settings.seed,
        )
        self.model.replay_buffer = Drawn(self.replay)
        self.rng = np.random.default_rng([settings.seed, 7])
        self.owed = 0.0  # updates
        self.warmed = 0  # actions
        space = self.envs.action_space
        self._held: Any = np.zeros((settings.envs, *(space.shape or ())), space.dtype)

    def begin(self, session: int) -> None:
        """Begin new episodes."""
        self._first_seeds(session)
        self.obs = self.envs.reset()
        self.replay.begin(self.obs)

    def round(self, share: float) -> dict[str, float]:
        """A few actions of every env, and the updates they are worth."""
        off, losses = self.settings.off, {}
        for k in range(off.update_every):
            actions, kept = self._choose(share)
            self.envs.step_async(actions)
            if k == 0 and self.warmed >= off.warm_up:
                losses = self._learn(int(self.owed))  # while the workers drive
            obs, reward, done, infos = self.envs.step_wait()
            ended = np.flatnonzero(done)
            cut = np.zeros(len(done), np.bool_)
            cut[ended] = [infos[row]["TimeLimit.truncated"] for row in ended]
            last = [infos[row]["terminal_observation"] for row in ended]
            self.replay.add(kept, reward, done & ~cut, cut, obs, last)
            self.obs = obs
            self._count(infos)
            self.model.num_timesteps += len(done)
            if self.warmed < off.warm_up:
                self.warmed += len(done)
            else:
                self.owed += off.update_ratio * len(done)
        return losses

    def _choose(self, share: float) -> tuple[Any, Any]:
        """Actions as the envs take them, and as they are learned from."""
        space, policy = self.envs.action_space, self.model.policy
        policy.set_training_mode(False)
        cold = self.warmed < self.settings.off.warm_up and self.settings.parent is None
        if not cold:
            actions = policy.predict(self.obs, deterministic=self.greedy)[0]
        n = self.settings.envs
        if cold or self.greedy:
            off = self.settings.off
            change = self.rng.random(n) < HELD
            if self.greedy:
                drawn: Any = self.rng.integers(0, space.n, n)  # type: ignore[attr-defined]
                self._held = np.where(change, drawn, self._held)
                chance = max(1.0 - share / off.explore * (1.0 - off.explore_last), off.explore_last)
                actions = self._held if cold else np.where(
                    self.rng.random(n) < chance, self._held, actions
                )  # fmt: skip
            else:
                low, high = space.low, space.high  # type: ignore[attr-defined]
                drawn = self.rng.uniform(low, high, (n, *low.shape)).astype(np.float32)
                self._held = np.where(change[:, None], drawn, self._held)
                actions = self._held
        return actions, actions if self.greedy else policy.scale_action(actions)

    def _learn(self, count: int) -> dict[str, float]:
        if count == 0:
            return {}
        self.owed -= count
        off, model = self.settings.off, self.model
        rate = off.learning_rate * self.caution
        model.lr_schedule = FloatSchedule(rate)
        if isinstance(model, DrQSAC):
            adams = [model.actor.optimizer, model.critic.optimizer]
            adams += [model.ent_coef_optimizer] if model.ent_coef_optimizer else []
            model._update_learning_rate(adams)
            model.policy.set_training_mode(True)
            draws = (self.replay.sample(off.batch_size, raw=True) for _ in range(count))
            return means([model.study(batch) for batch in draws])
        if not self.greedy:
            model.train(count, off.batch_size)
        else:
            for _ in range(count):
                model.train(1, off.batch_size)
                polyak_update(model.q_net.parameters(), model.q_net_target.parameters(), off.tau)
        told = dict(model.logger.name_to_value)
        model.logger.name_to_value.clear()
        wanted = ("critic_loss", "actor_loss", "ent_coef", "ent_coef_loss", "loss")
        return {n: float(told[f"train/{n}"]) for n in wanted if f"train/{n}" in told}

    def save_memory(self, folder: Path, moment: float = float("inf")) -> bool:
        """Write the replay."""
        return pixel_replay_file.save(self.replay, folder / "replay.bin", moment)

    def load_memory(self, folder: Path) -> None:
        """Read the replay; a run that never had the time to write it fills it anew."""
        path = folder / "replay.bin"
        if path.exists():
            pixel_replay_file.load(self.replay, path)
        # Continuous ones are kept scaled to -1..1, up to rounding.
        most = self.envs.action_space.n - 1 if self.greedy else 1.001  # type: ignore[attr-defined]
        if abs(self.replay.action).max() > most:
            self.replay.filled[:] = 0
            raise UserError(f"{path} holds actions that are none; delete it to begin without")
        self.warmed = min(self.warmed, len(self.replay))

    def state(self) -> State:
        """As ``Learner.state``."""
        rng = json.dumps(self.rng.bit_generator.state)
        mine = {"owed": self.owed, "warmed": self.warmed, "rng": rng}
        return super().state() | mine

    def restore(self, state: Mapping[str, Any]) -> None:
        """As ``Learner.restore``."""
        super().restore(state)
        self.owed, self.warmed = number(state, "owed", 0.0, COUNT), count(state, "warmed")
        self.rng.bit_generator.state = generator_state(plain_json(state["rng"].encode(), 160))
