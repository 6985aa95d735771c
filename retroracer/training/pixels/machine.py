"""Sizes of runs for machines, and the memory a run takes, told before it is taken.

Owns the profiles, the sums, and the refusal of what cannot fit. Figures for a GPU are sums of
what is allocated and an allowance for CUDA itself, not measurements.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from retroracer.agents.convolutions import numbers_after
from retroracer.agents.pixel_replay import PixelReplay
from retroracer.carracing.vector import cores
from retroracer.errors import UserError
from retroracer.training.pixels.settings import PixelRun

PROGRAM = 1_000_000_000
"""Bytes of this program with torch loaded and the envs' picture code compiled."""
WORKER = 110_000_000
"""Bytes of a process of envs that it shares with nobody."""
CUDA = 700_000_000
"""Bytes of a GPU that CUDA and cuDNN take for themselves."""

KEPT = 256_000_000
"""Bytes up to which memory that was given back is kept for the next batch."""
SPARE = 0.92
"""Share of what is free that a run may take."""


@dataclass(frozen=True)
class Profile:
    """How a run is shaped for a kind of machine.

    Attributes:
        name: of the kind.
        envs: side by side; PPO has twice as many.
        batch_size: of an update.
        replay: frames kept.
        hidden: widths behind the picture.
        update_every: vector steps between rounds of updates.
        update_ratio: updates for an action taken.
        convs: kind of convolutions.
        amp: whether SAC+DrQ computes in bfloat16.
        compile: whether torch compiles the convolutions.
    """

    name: str
    envs: int
    batch_size: int
    replay: int
    hidden: int
    update_every: int
    update_ratio: float
    convs: str
    amp: bool
    compile: bool

    def overrides(self, algorithm: str) -> list[str]:
        """Settings, as ``config.load`` takes them."""
        envs = 2 * self.envs if algorithm == "PPO" else self.envs
        depth = 2 if algorithm == "SAC+DrQ" else 1
        amp = self.amp and algorithm == "SAC+DrQ"
        return [
            f"envs={envs}",
            f"network.hidden=[{','.join([str(self.hidden)] * depth)}]",
            f"network.convs={self.convs}",
            f"off.batch_size={self.batch_size}",
            f"off.replay={self.replay}",
            f"off.update_every={self.update_every}",
            f"off.update_ratio={self.update_ratio}",
            f"ppo.batch_size={min(2 * self.batch_size, envs * 128)}",
            f"amp={str(amp).lower()}",
            f"compile={str(self.compile and can_compile()).lower()}",
        ]


PROFILES = {
    p.name: p
    for p in (
        Profile("cpu", 8, 128, 100_000, 256, 1, 0.25, "slim", False, False),
        Profile("4gb", 8, 128, 100_000, 256, 2, 0.25, "atari", True, True),
        Profile("6gb", 8, 256, 200_000, 256, 2, 0.25, "atari", True, True),
        Profile("8gb", 16, 512, 200_000, 256, 1, 0.25, "atari", True, True),
        Profile("12gb", 16, 1024, 500_000, 512, 1, 0.25, "atari", True, True),
    )
}
"""By name: the processor alone, or a GPU with at least so much memory."""


def can_compile() -> bool:
    """Whether torch can compile for the GPU there is."""
    return torch.cuda.is_available() and importlib.util.find_spec("triton") is not None


def profile_of(name: str, device: str) -> Profile:
    """The profile asked for; "auto" is that of this machine.

    Raises:
        UserError: if it is one of a GPU and there is none.
    """
    if name == "auto":
        if device == "cpu" or not torch.cuda.is_available():
            return PROFILES["cpu"]
        has = torch.cuda.get_device_properties(0).total_memory / 1e9
        fitting = [p for n, p in PROFILES.items() if n != "cpu" and float(n[:-2]) <= has + 0.5]
        return fitting[-1] if fitting else PROFILES["cpu"]
    if name != "cpu" and (device == "cpu" or not torch.cuda.is_available()):
        why = "--device cpu was given" if device == "cpu" else "torch finds no GPU here"
        raise UserError(f"--profile {name} is for a GPU, and {why}; give --profile cpu")
    return PROFILES[name]


@dataclass(frozen=True)
class Need:
    """Memory a run takes [bytes].

    Attributes:
        ram: of the machine, all processes.
        vram: of the GPU; 0 without one.
        replay: part of the one or the other that is the replay.
    """

    ram: int
    vram: int
    replay: int


def need(settings: PixelRun) -> Need:
    """What a run will take, before it takes it."""
    pipeline, off = settings.pipeline, settings.off
    on_gpu = settings.device != "cpu" and torch.cuda.is_available()
    colours = 1 if pipeline.colour == "grey" else 3
    picture = pipeline.stack * colours * pipeline.size**2
    workers = min(settings.envs, cores() if settings.workers is None else settings.workers)
    ram = PROGRAM + workers * WORKER + 3 * settings.envs * picture
    replay = gathered = 0
    if settings.algorithm == "PPO":
        # SB3 keeps every stack whole, and once more in the order of the updates.
        gathered = 2 * settings.envs * settings.ppo.n_steps * picture
        batch, passes = settings.ppo.batch_size, 1
    else:
        frame = (colours, pipeline.size, pipeline.size)
        discrete = pipeline.actions == "discrete"
        replay = PixelReplay.bytes_needed(off.replay, frame, () if discrete else (3,), discrete)
        batch, passes = off.batch_size, 3
    learning = _parameters(settings) * 4 * 4 * 2 + batch * passes * (5 * picture + _seen(settings))
    if not on_gpu:
        return Need(ram + replay + gathered + learning, 0, replay)
    ram += 2 * 2 * batch * picture + 2_000_000_000  # pinned, and CUDA's part in the program
    vram = CUDA + learning
    if off.replay_on_device:
        return Need(ram + gathered, vram + replay, replay)
    return Need(ram + replay + gathered, vram, replay)


def _numbers(settings: PixelRun) -> list[int]:
    return numbers_after(settings.network.convs, settings.pipeline.size)


def _seen(settings: PixelRun) -> int:
    """Bytes kept of one picture's way through the convolutions for the gradient."""
    return 2 * 4 * sum(_numbers(settings))


def _parameters(settings: PixelRun) -> int:
    network = settings.network
    return _numbers(settings)[-1] * network.features + 2 * sum(h * h for h in network.hidden)


def keep_memory() -> None:
    """Have the C library keep freed memory rather than hand it to the system after each batch.

    Batches of pictures are large enough to be mapped anew every time otherwise; touching the
    new pages took a fifth of PPO's time on a processor. Where the library is another one,
    nothing is done.
    """
    if sys.platform != "linux":
        return
    import ctypes

    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return
    trim_threshold, mmap_threshold = -1, -3  # names of glibc's <malloc.h>
    if not library.mallopt(mmap_threshold, KEPT):
        library.mallopt(mmap_threshold, 32 * 1024 * 1024)  # the most that older ones take
    library.mallopt(trim_threshold, 4 * KEPT)


def free_ram() -> int:
    """Bytes of memory this program may still take; 2**62 where the system does not tell."""
    free = 2**62
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free = int(line.split()[1]) * 1024
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max":
            used = int(Path("/sys/fs/cgroup/memory.current").read_text())
            free = min(free, int(limit) - used)
    except (OSError, ValueError):
        pass
    return free


def demand_room(settings: PixelRun, free: int | None = None, vram: int | None = None) -> Need:
    """Make sure that a run fits, and tell what it will take.

    Args:
        settings: of the run.
        free: bytes of memory there are; None = look.
        vram: bytes of the GPU there are; None = look.

    Raises:
        UserError: if it does not fit, with what would.
    """
    wanted = need(settings)
    free = free_ram() if free is None else free
    if wanted.ram > SPARE * free:
        raise UserError(
            f"this run needs {_gb(wanted.ram)} of memory and {_gb(free)} are free; "
            + _advice(settings, wanted, wanted.ram - SPARE * free)
        )
    if wanted.vram:
        there = torch.cuda.mem_get_info()[0] if vram is None else vram
        if wanted.vram > SPARE * there:
            where = "off.replay_on_device=false" if settings.off.replay_on_device else None
            raise UserError(
                f"this run needs {_gb(wanted.vram)} of the GPU's memory and {_gb(there)} are "
                f"free; give --set {where or 'off.batch_size=64'}, or a smaller --profile"
            )
    return wanted


def _advice(settings: PixelRun, wanted: Need, over: float) -> str:
    if settings.algorithm == "PPO":
        return "give --set envs=8, or --set ppo.n_steps=64"
    fits = int(settings.off.replay * (1.0 - over / wanted.replay)) // 1000 * 1000
    if fits >= 5000:
        return f"--set off.replay={fits} fits, or close other programs"
    return "close other programs, or train with --algo ppo, which keeps no replay"


def describe(settings: PixelRun, profile: str, wanted: Need) -> str:
    """What was chosen and what it will take, in two lines."""
    off, network = settings.off, settings.network
    if settings.device != "cpu" and torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(0)
        machine = f"{facts.name}, {_gb(facts.total_memory)}"
    else:
        machine = f"{torch.get_num_threads()} CPU threads"
    if settings.algorithm == "PPO":
        ppo = settings.ppo
        learns = f"{ppo.n_epochs} epochs of {settings.envs * ppo.n_steps} in {ppo.batch_size}s"
    else:
        learns = (
            f"{off.update_ratio:g} updates of {off.batch_size} an action, every "
            f"{off.update_every} steps; {off.replay:,} frames kept"
        )
    shape = f"{network.convs} convolutions to {network.features}, hidden {list(network.hidden)}"
    kind = "bfloat16" if settings.amp else "float32"
    if wanted.vram:
        kind += f", allocator {os.environ.get('PYTORCH_ALLOC_CONF', 'as torch has it')}"
    takes = f"{_gb(wanted.ram)} of memory"
    if wanted.replay:
        takes += f" ({_gb(wanted.replay)} of it the replay)"
    if wanted.vram:
        takes += f" and {_gb(wanted.vram)} of the GPU's"
    return (
        f"profile {profile} on {machine}: {settings.envs} envs; {learns}; {shape}; {kind}"
        f"{', compiled' if settings.compile else ''}\nit will take about {takes}"
    )


def taken() -> str:
    """Memory in use now, in words: this program's, its workers', the GPU's."""
    pages = 0
    if sys.platform == "linux":
        import multiprocessing

        for pid in [os.getpid(), *(p.pid for p in multiprocessing.active_children())]:
            try:
                line = Path(f"/proc/{pid}/statm").read_text().split()
                # Pages shared with other processes are counted once, for this one.
                pages += int(line[1]) - (0 if pid == os.getpid() else int(line[2]))
            except (OSError, IndexError):
                continue
        text = f"{_gb(pages * os.sysconf('SC_PAGE_SIZE'))} RAM"
    else:
        text = ""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        text += f"  {_gb(torch.cuda.memory_reserved())} VRAM"
    return text.strip()


def _gb(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
