"""Finds out what the machine offers: processor or GPU, memory, bfloat16.

The settings of each profile are defined with the tasks' settings.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch

from retroracer.errors import UserError
from retroracer.processes import cores

GPU_PROFILES = ("4gb", "6gb", "8gb", "12gb")
"""Profiles for a GPU with at least this much memory; the other profile is "cpu"."""

KEPT = 256_000_000
"""Freed blocks up to this size [bytes] are kept for the next batch."""


def profile_of(name: str, device: str) -> str:
    """The profile asked for ("cpu" or one of ``GPU_PROFILES``); "auto" gives the one that fits.

    Raises:
        UserError: if the profile is for a GPU and there is none.
    """
    gpu = device != "cpu" and torch.cuda.is_available()
    if name == "auto":
        if not gpu:
            return "cpu"
        has = torch.cuda.get_device_properties(0).total_memory / 1e9
        fitting = [n for n in GPU_PROFILES if float(n[:-2]) <= has + 0.5]
        return fitting[-1] if fitting else "cpu"
    if name != "cpu" and not gpu:
        why = "--device cpu was given" if device == "cpu" else "torch finds no GPU here"
        raise UserError(f"--profile {name} is for a GPU, and {why}; give --profile cpu")
    return name


def machine(device: str) -> str:
    """What a run on ``device`` computes with, in words."""
    if device != "cpu" and torch.cuda.is_available():
        facts = torch.cuda.get_device_properties(0)
        return f"{facts.name}, {facts.total_memory / 1e9:.0f} GB"
    return f"{torch.get_num_threads()} CPU threads"


def has_bfloat16(device: str) -> bool:
    """True if this machine multiplies matrices faster in bfloat16 than in float32."""
    if device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    features = torch.cpu.get_capabilities()
    return bool(features.get("avx512_bf16") or features.get("amx_bf16"))


def use_cores(device: str) -> None:
    """Let torch use all cores, at most 8, unless the user has set OMP_NUM_THREADS."""
    if device != "cuda" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(cores(), 8))


def leave_cores(count: int) -> None:
    """Let torch use ``count`` cores less, but one at least: other processes of the run work there.

    Threads wait for one another at every operation, so one that has no core stops them all.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(torch.get_num_threads() - count, 1))


def keep_memory() -> None:
    """Let the C library keep freed memory instead of returning it to the system.

    Otherwise every batch of pictures is large enough to be mapped anew; touching the new pages
    took a fifth of PPO's time on a processor. Does nothing where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    import ctypes

    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return
    trim_threshold, mmap_threshold = -1, -3  # names of glibc's <malloc.h>
    if not library.mallopt(mmap_threshold, KEPT):
        library.mallopt(mmap_threshold, 32 * 1024 * 1024)  # the most that older versions accept
    library.mallopt(trim_threshold, 4 * KEPT)


def free_ram() -> int:
    """Bytes of memory this program may still take; 2**62 where the system does not say."""
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


def memory_free() -> str:
    """Free memory of the machine and of the GPU, in words."""
    text = f"{gigabytes(free_ram())} of memory are free"
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        text += f", and {gigabytes(free)} of the GPU's {gigabytes(total)}"
    return text


def memory_in_use() -> str:
    """Memory in use by this program and its workers, and on the GPU, in words."""
    import multiprocessing

    children = [p.pid for p in multiprocessing.active_children() if p.pid is not None]
    taken = ram_of([os.getpid(), *children])
    text = f"{gigabytes(taken)} RAM" if taken else ""
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        text += f"  {gigabytes(torch.cuda.memory_reserved())} VRAM"
    return text.strip()


def ram_of(pids: Sequence[int]) -> int:
    """Bytes that processes take; 0 where the system does not say; shared pages count once."""
    if sys.platform != "linux":
        return 0
    pages = 0
    for k, pid in enumerate(pids):
        with suppress(OSError, IndexError):  # it has ended
            line = Path(f"/proc/{pid}/statm").read_text().split()
            pages += int(line[1]) - (0 if k == 0 else int(line[2]))
    return pages * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """A process and all its descendants, as far as the system lists them."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(child) for child in task.read_text().split()]
    return found


def gigabytes(count: float) -> str:
    """Bytes in words, ``1.5 GB``."""
    return f"{count / 1e9:.1f} GB"
