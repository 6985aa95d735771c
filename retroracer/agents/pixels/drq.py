"""SAC from pixels with DrQ: convolutions that only the critic trains, and random shifts.

Owns the policy whose actor uses the critic's convolutions, the random shift, and the update.
``replay`` owns the replay memory.

Source: Kostrikov, Yarats, Fergus, "Image Augmentation Is All You Need", 2020 (with K = M = 1);
Yarats et al., "Improving Sample Efficiency in Model-Free RL from Images", 2019, for the tied and
detached convolutions; the shift by whole pixels as in DrQ-v2 (2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.utils import polyak_update
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor, nn

from retroracer.agents.pixels.nets import PixelEncoder
from retroracer.agents.pixels.replay import PixelBatch

PAD = 4
"""Largest shift of a picture [pixels]."""


def shifted(pictures: Tensor, pad: int = PAD, generator: torch.Generator | None = None) -> Tensor:
    """Shift each picture (B, channels, H, W) by up to ``pad`` pixels in both directions.

    Its border is repeated. All frames of a stack are shifted alike, because the motion between them
    must stay. ``generator`` draws the shifts; None = torch's own.
    """
    count, channels, height, width = pictures.shape
    device = pictures.device
    by = torch.randint(-pad, pad + 1, (2, count, 1), generator=generator, device=device)
    rows = (torch.arange(height, device=device) + by[0]).clamp_(0, height - 1)
    columns = (torch.arange(width, device=device) + by[1]).clamp_(0, width - 1)
    tall = pictures.gather(2, rows[:, None, :, None].expand(count, channels, height, width))
    return tall.gather(3, columns[:, None, None, :].expand(count, channels, height, width))


class DrQPolicy(SACPolicy):
    """SB3's SAC policy whose actor uses the critic's convolutions.

    The actor has its own linear layer and layer norm behind them. Its gradients do not reach the
    convolutions: only the critic's loss trains them.
    """

    def _build(self, lr_schedule: Any) -> None:
        self.critic = self.make_critic(features_extractor=None)
        encoder: Any = self.make_features_extractor()
        encoder.convs = self.critic.features_extractor.convs
        encoder.detached = True
        self.actor = self.make_actor(features_extractor=encoder)
        self.critic_target = self.make_critic(features_extractor=None)
        self.critic_target.load_state_dict(self.critic.state_dict())
        rate = lr_schedule(1)
        make: Any = self.optimizer_class
        tied = "features_extractor.convs."
        own = [p for name, p in self.actor.named_parameters() if not name.startswith(tied)]
        self.actor.optimizer = make(own, lr=rate, **self.optimizer_kwargs)
        self.critic.optimizer = make(self.critic.parameters(), lr=rate, **self.optimizer_kwargs)
        self.critic_target.set_training_mode(False)


class DrQSAC(SAC):
    """SB3's SAC with DrQ's update; plain ``SAC.load`` opens its zip.

    ``half`` computes the networks in bfloat16 (weights stay float32); ``pad`` is the largest random
    shift [pixels].
    """

    half = False
    pad = PAD

    def update(self, batch: PixelBatch, update_target: bool = True) -> dict[str, Tensor]:
        """One update of critic, actor and entropy coefficient; returns losses on the device.

        The convolutions run three times: on ``obs`` with gradient, and on ``next_obs`` for the
        actor and for the target critic. The actor's loss uses the features of ``obs`` computed
        before the critic's update, which saves a fourth run. Pictures are uint8, not yet shifted.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            obs = shifted(batch.obs, self.pad).float().div_(255.0)
            next_obs = shifted(batch.next_obs, self.pad).float().div_(255.0)
            reward, discount = batch.reward[:, None], batch.discount[:, None]
            alpha = self._alpha()
            with torch.no_grad():
                action, log_prob = self._sample_actions(self._encoder.convs(next_obs))
                seen = self.critic_target.features_extractor(next_obs)
                values = _q(self.critic_target, seen, action).amin(1, keepdim=True)
                target = reward + discount * (values - alpha * log_prob)
            picture = self._encoder.convs(obs)
            q = _q(self.critic, self._encoder.trunk(picture), batch.action)
            critic_loss = 0.5 * nn.functional.mse_loss(q, target.expand_as(q)) * q.shape[1]
        _step(self.critic.optimizer, critic_loss)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            picture = picture.detach()
            action, log_prob = self._sample_actions(picture)
            with torch.no_grad():
                features = self._encoder.trunk(picture)
            value = _q(self.critic, features, action).amin(1, keepdim=True)
            actor_loss = (alpha * log_prob - value).mean()
        _step(self.actor.optimizer, actor_loss)
        losses = {
            "critic_loss": critic_loss.detach(),
            "actor_loss": actor_loss.detach(),
            "ent_coef": alpha.mean(),
            "q": q.detach().mean(),
        }
        if self.ent_coef_optimizer is not None and self.log_ent_coef is not None:
            assert isinstance(self.target_entropy, float)
            wanted = (log_prob.float() + self.target_entropy).detach()
            ent_coef_loss = -(self.log_ent_coef * wanted).mean()
            _step(self.ent_coef_optimizer, ent_coef_loss)
            losses["ent_coef_loss"] = ent_coef_loss.detach()
        if update_target:
            polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
        self._n_updates += 1
        return losses

    @property
    def _encoder(self) -> PixelEncoder:
        return self.critic.features_extractor  # type: ignore[return-value]

    def _alpha(self) -> Tensor:
        if self.log_ent_coef is not None:
            return self.log_ent_coef.detach().exp()
        return self.ent_coef_tensor

    def _sample_actions(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Actions (B, A) and their log probabilities (B, 1) for the convolutions' outputs."""
        actor: Any = self.actor
        latent = actor.latent_pi(actor.features_extractor.trunk(seen))
        mean = actor.mu(latent).float()
        log_std = actor.log_std(latent).float().clamp(-20.0, 2.0)
        action, log_prob = actor.action_dist.log_prob_from_params(mean, log_std)
        return action, log_prob[:, None]


def _q(critic: Any, features: Tensor, action: Tensor) -> Tensor:
    """Values (B, number of critics)."""
    both = torch.cat([features, action.to(features.dtype)], 1)
    return torch.cat([net(both) for net in critic.q_networks], 1).float()


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def means(rounds: list[Mapping[str, Tensor]]) -> dict[str, float]:
    """Means of the losses of several updates; only here does the CPU wait for the GPU."""
    names = rounds[0] if rounds else {}
    return {name: float(torch.stack([r[name] for r in rounds]).mean()) for name in names}
