"""What an optimiser remembers: what it can have become is taken, all else is refused."""

from __future__ import annotations

import pytest
import torch

from retroracer.agents.adam import check_moments


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.9, 0.9999), (0.5, 0.999), (0.0, 0.99)])
def test_whatever_gradients_there_were_their_moments_go_together(
    betas: tuple[float, float],
) -> None:
    torch.manual_seed(3)
    weight = torch.zeros(64, requires_grad=True)
    adam = torch.optim.Adam([weight], lr=1e-3, betas=betas)
    for k in range(60):  # tiny, huge, rare and sudden ones
        gradient = torch.randn(64) * 10.0 ** torch.randint(-12, 9, (64,))
        weight.grad = gradient * (torch.rand(64) < (0.1 if k % 20 else 1.0))
        adam.step()
        check_moments(adam.state[weight]["exp_avg"], adam.state[weight]["exp_avg_sq"])


@pytest.mark.parametrize(("mean", "square"), [(-1e30, 0.157), (1e9, 0.0), (5.0, 1e-4)])
def test_moments_no_gradients_can_have_had_are_refused(mean: float, square: float) -> None:
    means, squares = torch.zeros(9), torch.full((9,), 1e-3)
    check_moments(means, squares)
    means[4], squares[4] = mean, square
    with pytest.raises(ValueError, match="do not go together"):
        check_moments(means, squares)
