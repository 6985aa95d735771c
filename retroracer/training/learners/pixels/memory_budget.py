"""Estimates the memory of a run from pixels before it starts, and refuses one that cannot fit.

Figures for a GPU are not measured: they add up what is allocated and an allowance for CUDA.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch

from retroracer.agents.pixels.network import numbers_after
from retroracer.errors import UserError
from retroracer.processes import cores
from retroracer.training.learners.pixels.settings import Footprint, PixelSettings
from retroracer.training.run.hardware import free_ram, gigabytes, machine

PROGRAM = 1_000_000_000
"""Memory of this program with torch loaded and the envs' drawing code compiled [bytes]."""
WORKER = 110_000_000
"""Unshared memory of a worker process that runs envs [bytes]."""
CUDA = 700_000_000
"""GPU memory that CUDA and cuDNN take for themselves [bytes]."""

SPARE = 0.92
"""Share of the free memory that a run may take."""


@dataclass(frozen=True)
class Need:
    """Memory a run takes [bytes], with the learner that takes most; ``vram`` is 0 without a GPU."""

    ram: int
    vram: int
    footprint: Footprint
    learner: str


def need(settings: PixelSettings) -> Need:
    """The memory a run will take: that of its largest stage."""
    found = [_need(settings, stage.learner) for stage in settings.stages]
    return max(found, key=lambda n: (n.ram, n.vram))


def _need(settings: PixelSettings, learner: str) -> Need:
    footprint: Footprint = settings.of(learner).footprint(settings)
    on_gpu = settings.device != "cpu" and torch.cuda.is_available()
    workers = min(settings.envs, cores() if settings.workers is None else settings.workers)
    picture, network = settings.picture_bytes, settings.network
    numbers = numbers_after(network.convs, settings.pipeline.size)
    parameters = numbers[-1] * network.features + 2 * sum(h * h for h in network.hidden)
    seen = footprint.batch * footprint.passes * (5 * picture + 8 * sum(numbers))
    learning = 32 * parameters + seen
    ram = PROGRAM * (1 + footprint.processes) + workers * WORKER + 3 * settings.envs * picture
    ram += footprint.kept + footprint.gathered
    if not on_gpu:
        return Need(ram + learning, 0, footprint, learner)
    ram += 4 * footprint.batch * picture + 2_000_000_000  # pinned memory, CUDA's host libraries
    moved = footprint.kept if footprint.on_device else 0
    return Need(ram - moved, CUDA + learning + moved, footprint, learner)


def demand_room(settings: PixelSettings, free: int | None = None) -> Need:
    """Make sure that a run fits into memory, and return what it will take.

    ``free`` is the free main memory [bytes]; None = ask the system.

    Raises:
        UserError: if it does not fit; the message names settings that would.
    """
    wanted = need(settings)
    free = free_ram() if free is None else free
    if wanted.ram > SPARE * free:
        raise UserError(
            f"this run needs {gigabytes(wanted.ram)} of memory and {gigabytes(free)} are free; "
            + _advice(wanted, wanted.ram - SPARE * free)
        )
    if wanted.vram:
        there = torch.cuda.mem_get_info()[0]
        if wanted.vram > SPARE * there:
            raise UserError(
                f"this run needs {gigabytes(wanted.vram)} of the GPU's memory and "
                f"{gigabytes(there)} are free; give a smaller batch_size or --profile"
            )
    return wanted


def _advice(wanted: Need, over: float) -> str:
    footprint = wanted.footprint
    if not footprint.setting:
        return "give --set envs=8, or --set ppo.n_steps=64"
    fits = int(footprint.frames * (1.0 - over / footprint.kept)) // 1000 * 1000
    if fits >= 5000:
        return f"--set {footprint.setting}={fits} fits, or close other programs"
    return "close other programs, or train with --algo ppo, which keeps no replay"


def describe(settings: PixelSettings, wanted: Need) -> str:
    """Machine, network and memory of a run, in two lines."""
    network = settings.network
    shape = f"{network.convs} convolutions to {network.features}, hidden {list(network.hidden)}"
    takes, most = f"{gigabytes(wanted.ram)} of memory", wanted.footprint
    if most.kept:
        takes += f", {gigabytes(most.kept)} of it for {most.frames:,} frames"
    if wanted.vram:
        takes += f" and {gigabytes(wanted.vram)} of the GPU's"
        takes += f", allocator {os.environ.get('PYTORCH_ALLOC_CONF', 'as torch has it')}"
    compiled = ", compiled" if settings.compile else ""
    return (
        f"on {machine(settings.device)}: {settings.envs} envs; {shape}{compiled}; "
        f"batches of {most.batch:,} ({wanted.learner})\n"
        f"it will take about {takes}"
    )
