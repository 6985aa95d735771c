"""SAC that learns faster: Stable-Baselines3's class with a fused update. Its zip is SB3's.

Owns the class. The update is ``fused_sac``, the replay memory of hundreds of cars ``memory``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from stable_baselines3 import SAC

from retroracer.agents.fused_sac import Batch, FusedUpdate


class FastSAC(SAC):
    """A drop-in for ``SAC`` with ReLU MLPs; plain ``SAC.load`` opens what it saves.

    ``learn`` works as in SB3. RetroRacer's own training does without SB3's collecting, whose
    cost is Python per car: it calls ``explore`` and ``study``.

    Attributes:
        half: hidden layers are multiplied in bfloat16 (set before learning begins).
        policy_delay: the actor learns at every so-manieth update only.
    """

    half: bool = False
    policy_delay: int = 1
    _fused: FusedUpdate | None = None
    _own: ClassVar[tuple[str, ...]] = ("_fused", "half", "policy_delay")

    @property
    def fused(self) -> FusedUpdate:
        """The update, made when first needed: weights may be loaded before."""
        if self._fused is None:
            self._fused = FusedUpdate(self, self.half)
        return self._fused

    def train(self, gradient_steps: int, batch_size: int = 64) -> None:
        """SB3's round of updates, from SB3's replay buffer."""
        assert self.replay_buffer is not None
        batches = []
        for _ in range(gradient_steps):
            data = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            discounts = self.gamma if data.discounts is None else data.discounts
            batches.append(
                Batch(
                    data.observations,
                    data.actions,
                    data.rewards,
                    data.next_observations,
                    (1.0 - data.dones) * discounts,
                )
            )
        for name, value in self.study(batches).items():
            self.logger.record(f"train/{name}", value)
        rate = float(self.lr_schedule(self._current_progress_remaining))
        self.logger.record("train/learning_rate", rate)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def study(
        self, batches: list[Batch], rate: float | None = None, actor_too: bool = True
    ) -> dict[str, float]:
        """Learn from batches, one update each.

        Args:
            batches: at least one.
            rate: the learning rate; None = that of SB3's schedule.
            actor_too: False learns the critics alone.

        Returns:
            Means over the updates: critic_loss, actor_loss, ent_coef_loss, ent_coef.
        """
        fused = self.fused
        if rate is None:
            rate = float(self.lr_schedule(self._current_progress_remaining))
        fused.begin(rate)
        if self.ent_coef_optimizer is not None:
            self.ent_coef_optimizer.param_groups[0]["lr"] = rate
        learned = 0
        for batch in batches:
            noise = torch.randn((2, *batch.actions.shape), device=self.device)
            turn = actor_too and self._n_updates % self.policy_delay == 0
            fused.update(batch, noise, turn)
            learned += turn
            self._n_updates += 1
        critic, actor, alpha_loss, alpha = fused.losses.tolist()
        return {
            "critic_loss": critic / len(batches),
            "actor_loss": actor / max(learned, 1),
            "ent_coef_loss": alpha_loss / max(learned, 1),
            "ent_coef": alpha / len(batches) if self.log_ent_coef is not None else self._alpha(),
        }

    def _alpha(self) -> float:
        return float(self.ent_coef_tensor)

    def explore(self, obs: np.ndarray[Any, np.dtype[np.float32]]) -> Any:
        """Actions (N, A) float32 drawn from the policy, for observations (N, O)."""
        with torch.no_grad():
            actor = self.fused.actor
            head = actor.forward(torch.from_numpy(obs).to(self.device)[None], "explore")[0]
            n = head.shape[1] // 2
            std = head[:, n:].clamp(-20.0, 2.0).exp()
            noise = torch.randn(std.shape, device=std.device)
            return torch.tanh(head[:, :n] + std * noise).cpu().numpy()

    def get_parameters(self) -> dict[str, dict[str, Any]]:
        """SB3's, with the optimisers' moments up to date."""
        if self._fused is not None:
            self._fused.publish()
        return super().get_parameters()

    def set_parameters(self, *args: Any, **kwargs: Any) -> None:
        """SB3's; the fused update is made anew from what was set."""
        super().set_parameters(*args, **kwargs)
        self._fused = None

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), *self._own]
