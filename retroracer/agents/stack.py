"""Equal MLPs computed together on one flat vector: forward and backward without autograd.

Owns the arithmetic of the networks in SAC's update, and its scratch memory; independent of the
algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from retroracer.agents.networks import FlatParameters

Linears = Sequence[nn.Linear]


class Stack(FlatParameters):
    """Parallel ReLU networks of one shape; the last layer is linear.

    Args:
        members: one sequence of layers per network. Several linear layers in one position share
            their input, and their outputs are concatenated (an actor's mean and log std).
        half: True multiplies hidden layers in bfloat16; parameters and the first and last layer
            stay float32.
    """

    def __init__(self, members: Sequence[Sequence[Linears]], half: bool = False) -> None:
        self.count = len(members)
        self.half = half
        self.depth = len(members[0])
        places = [[m[k] for m in members] for k in range(self.depth)]
        super().__init__(
            [
                getattr(linear, name)
                for place in places
                for name in ("weight", "bias")
                for linears in place
                for linear in linears
            ]
        )
        self.weights: list[Tensor] = []  # (C, out, in) views of flat
        self.biases: list[Tensor] = []  # (C, 1, out)
        self.weight_grads: list[Tensor] = []
        self.bias_grads: list[Tensor] = []
        at = 0
        for place in places:
            width = place[0][0].in_features
            for name in ("weight", "bias"):
                begin = at
                at += sum(getattr(x, name).numel() for linears in place for x in linears)
                rows = (at - begin) // (self.count * (width if name == "weight" else 1))
                whole = slice(begin, at)
                if name == "weight":
                    shape = (self.count, rows, width)
                    self.weights.append(self.flat[whole].view(shape))
                    self.weight_grads.append(self.grad[whole].view(shape))
                else:
                    shape = (self.count, 1, rows)
                    self.biases.append(self.flat[whole].view(shape))
                    self.bias_grads.append(self.grad[whole].view(shape))
        self._inner = range(1, self.depth - 1)  # the layers that may be multiplied in half
        self._halves = {
            k: torch.empty_like(self.weights[k], dtype=torch.bfloat16)
            for k in (self._inner if half else ())
        }
        self._half_grads = {k: torch.empty_like(w) for k, w in self._halves.items()}
        self._scratch: dict[tuple[str, int, int], Tensor] = {}
        self.refresh()

    def refresh(self) -> None:
        """Update the bfloat16 copies; call it whenever parameters have changed."""
        for k, half in self._halves.items():
            half.copy_(self.weights[k])

    def _room(self, name: str, k: int, shape: tuple[int, ...], half: bool = False) -> Tensor:
        """Scratch memory kept between calls: allocating it costs more than the arithmetic."""
        key = (name, k, shape[1])
        room = self._scratch.get(key)
        if room is None or room.shape != shape:
            kind = torch.bfloat16 if half else torch.float32
            room = self._scratch[key] = torch.empty(shape, dtype=kind, device=self.flat.device)
        return room

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (C, B, out) for inputs ``x`` (C, B, in).

        Activations stay valid, for ``backward``, until the next ``forward`` with the same B.
        """
        h = x
        batch = x.shape[1]
        for k in range(self.depth):
            width = self.weights[k].shape[1]
            shape = (self.count, batch, width)
            if k in self._halves:
                out = self._room("z", k, shape, half=True)
                torch.bmm(self._as(h, k, True), self._halves[k].transpose(1, 2), out=out)
                out.add_(self.biases[k])
            else:
                out = self._room("z", k, shape)
                source = self._as(h, k, False)
                torch.bmm(source, self.weights[k].transpose(1, 2), out=out)
                out.add_(self.biases[k])
            if k < self.depth - 1:
                out.clamp_min_(0.0)
            h = out
        return h

    def _as(self, h: Tensor, k: int, half: bool) -> Tensor:
        """Layer ``k``'s input in the precision it is multiplied in."""
        if (h.dtype == torch.bfloat16) == half:
            return h
        same = self._room("x", k, tuple(h.shape), half)
        return same.copy_(h)

    def _input(self, x: Tensor, k: int) -> Tensor:
        """Layer ``k``'s input as the forward pass multiplied it."""
        if k == 0:
            return x
        key_x, key_z = ("x", k, x.shape[1]), ("z", k - 1, x.shape[1])
        crossed = (k in self._halves) != ((k - 1) in self._halves)
        return self._scratch[key_x if crossed else key_z]

    def backward(self, x: Tensor, out_grad: Tensor, rows: int | None = None) -> None:
        """Overwrite ``grad`` with the parameters' gradients.

        Args:
            x: the input of the last forward pass.
            out_grad: (C, R, out) gradient of the loss with respect to the first R rows of outputs.
            rows: R, if fewer than all.
        """
        self._descend(x, out_grad, rows, parameters=True)

    def input_grad(self, x: Tensor, out_grad: Tensor, columns: slice) -> Tensor:
        """Gradient (C, B, columns) of the loss with respect to some columns of the input."""
        dz = self._descend(x, out_grad, None, parameters=False)
        return torch.bmm(dz, self.weights[0][:, :, columns])

    def _descend(self, x: Tensor, out_grad: Tensor, rows: int | None, parameters: bool) -> Tensor:
        dz = out_grad
        for k in reversed(range(self.depth)):
            half = k in self._halves
            if k < self.depth - 1:
                dz = self._cast(dz, k, half)
            if parameters:
                h = self._input(x, k)[:, :rows]
                if half:
                    torch.bmm(dz.transpose(1, 2), h, out=self._half_grads[k])
                    self.weight_grads[k].copy_(self._half_grads[k])
                else:
                    torch.bmm(dz.transpose(1, 2), h, out=self.weight_grads[k])
                torch.sum(dz, 1, keepdim=True, dtype=torch.float32, out=self.bias_grads[k])
            if k == 0:
                break
            weight = self._halves[k] if half else self.weights[k]
            below = self._room("d", k, (self.count, dz.shape[1], weight.shape[2]), half)
            torch.bmm(dz, weight, out=below)
            # The activation after a ReLU is positive exactly where its gradient passes.
            active = self._scratch[("z", k - 1, x.shape[1])][:, :rows]
            torch.ops.aten.threshold_backward.grad_input(
                below,
                active if active.dtype == below.dtype else self._input(x, k)[:, :rows],
                0.0,
                grad_input=below,
            )
            dz = below
        return dz

    def _cast(self, dz: Tensor, k: int, half: bool) -> Tensor:
        if (dz.dtype == torch.bfloat16) == half:
            return dz
        return self._room("c", k, tuple(dz.shape), half).copy_(dz)
