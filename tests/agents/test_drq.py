"""DrQ: the shift moves pictures whole, the critic alone teaches the eye."""

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from retroracer.agents.pixels.drq import DrQPolicy, DrQSAC, means, shifted
from retroracer.agents.pixels.nets import network_of, policy_kwargs
from retroracer.agents.pixels.network import Network
from retroracer.agents.pixels.replay import PixelBatch

NETWORK = Network(convs="slim", features=8, trunk="norm", hidden=(16,))


class Still(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 255, (2, 84, 84), np.uint8)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}


def model(seed: int = 0) -> DrQSAC:
    torch.set_num_threads(1)
    kwargs = policy_kwargs("SAC+DrQ", NETWORK)
    return DrQSAC(DrQPolicy, Still(), policy_kwargs=kwargs, buffer_size=1, seed=seed, device="cpu")


def batch(size: int = 6) -> PixelBatch:
    make = torch.Generator().manual_seed(1)
    picture = torch.randint(0, 256, (2, size, 2, 84, 84), generator=make, dtype=torch.uint8)
    action = torch.rand(size, 2, generator=make) * 2 - 1
    reward = torch.rand(size, generator=make)
    return PixelBatch(picture[0], action, reward, picture[1], torch.full((size,), 0.97))


def test_a_shift_is_a_crop_of_the_picture_with_its_border_repeated() -> None:
    make = torch.Generator().manual_seed(3)
    pictures = torch.randint(0, 256, (40, 3, 20, 24), generator=make, dtype=torch.uint8)
    moved = shifted(pictures, 4, torch.Generator().manual_seed(5))
    padded = torch.nn.functional.pad(pictures.float(), (4, 4, 4, 4), mode="replicate").byte()
    found = set()
    for k in range(len(pictures)):
        fits = [
            (y, x)
            for y in range(9)
            for x in range(9)
            if torch.equal(moved[k], padded[k, :, y : y + 20, x : x + 24])
        ]
        assert len(fits) == 1, "the frames of a stack move together, by whole pixels"
        found |= set(fits)
    assert len(found) > 20
    assert {y for y, _ in found} >= {0, 8} and moved.dtype == torch.uint8


def test_a_shift_of_nothing_changes_nothing() -> None:
    pictures = batch().obs
    assert torch.equal(shifted(pictures, 0), pictures)


@pytest.mark.slow
def test_actor_and_critic_see_through_the_same_convolutions_the_target_through_its_own() -> None:
    policy = model().policy
    eyes = [policy.actor.features_extractor, policy.critic.features_extractor]
    assert eyes[0].convs is eyes[1].convs
    assert eyes[0].trunk is not eyes[1].trunk
    assert policy.critic_target.features_extractor.convs is not eyes[1].convs
    convs = {id(p) for p in eyes[1].convs.parameters()}
    taught = {id(p) for g in policy.actor.optimizer.param_groups for p in g["params"]}
    assert not convs & taught
    assert convs <= {id(p) for g in policy.critic.optimizer.param_groups for p in g["params"]}


def test_the_actors_loss_does_not_reach_the_convolutions() -> None:
    m = model()
    picture = torch.rand(3, 2, 84, 84)
    m.actor(picture).sum().backward()
    convs = m.critic.features_extractor.convs
    assert all(p.grad is None for p in convs.parameters())
    trunk = m.actor.features_extractor.trunk
    assert all(p.grad is not None for p in trunk.parameters())


def test_an_update_is_that_of_a_plain_reference() -> None:
    """Critic's and target's numbers against SAC written out, without shift and with one draw."""
    m = model()
    m.pad = 0
    b = batch()
    before = [p.detach().clone() for p in m.critic.features_extractor.convs.parameters()]
    torch.manual_seed(9)
    for _ in range(2):  # what two shifts by nothing draw
        torch.randint(0, 1, (2, len(b.obs), 1))
    with torch.no_grad():
        alpha = m.log_ent_coef.exp()
        action, log_prob = m.actor.action_log_prob(b.next_obs)
        q = torch.cat(m.critic_target(b.next_obs, action), 1).amin(1, keepdim=True)
        target = b.reward[:, None] + b.discount[:, None] * (q - alpha * log_prob[:, None])
        now = m.critic(b.obs, b.action)
        expected = 0.5 * sum(torch.nn.functional.mse_loss(q, target) for q in now)
    torch.manual_seed(9)
    losses = means([m.update(b)])
    assert losses["critic_loss"] == pytest.approx(float(expected), rel=1e-4)
    changed = m.critic.features_extractor.convs.parameters()
    assert any(not torch.equal(a, b) for a, b in zip(before, changed, strict=True))


@pytest.mark.slow
def test_updates_lower_the_critics_loss_and_half_precision_stays_near() -> None:
    losses = {}
    for half in (False, True):
        m = model()
        m.half = half
        torch.manual_seed(0)
        rounds = [m.update(batch()) for _ in range(25)]
        losses[half] = [float(r["critic_loss"]) for r in rounds]
        assert losses[half][-1] < losses[half][0]
        assert all(p.dtype == torch.float32 for p in m.policy.parameters())
    assert losses[True][0] == pytest.approx(losses[False][0], rel=0.05)


def test_plain_sac_opens_its_zip(tmp_path) -> None:
    m = model()
    m.save(tmp_path / "m.zip")
    obs = batch().obs.numpy()
    other = SAC.load(tmp_path / "m.zip", device="cpu")
    np.testing.assert_allclose(
        other.predict(obs, deterministic=True)[0], m.predict(obs, deterministic=True)[0], atol=1e-5
    )
    assert network_of(m.policy_kwargs) == NETWORK
