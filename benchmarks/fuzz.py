"""Everything that is read from a file, damaged in hundreds of ways, and what becomes of it.

    python benchmarks/fuzz.py [--kinds pages cars] [--count 500] [--seed 1] [--json FILE]

Each case is taken, with a result that an independent check finds sensible, or refused in plain
lines that name the file. All else is a finding: a traceback, a hang (5 s of processor time), a
gigabyte of memory, words nobody can read, nonsense that was taken. Findings are printed, their
files kept in ``--out``; exit code 1 if there are any. The same command goes on where it was
stopped; ``--fresh`` begins anew; ``--only K`` runs case K alone and shows what it printed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # run as a script

from benchmarks.fuzzing import forked
from benchmarks.fuzzing.case import Case, command, verdict

KINDS = {
    "pages": ("pages", "tracks"),
    "surveys": ("surveys", "cases"),
    "cars": ("pages", "cars"),
    "scripts": ("pages", "scripts"),
    "chosen": ("pages", "chosen"),
    "records": ("records", "cases"),
    "tapes": ("tapes", "cases"),
    "zips": ("zips", "cases"),
    "settings": ("runs", "settings"),
    "states": ("run_states", "cases"),
    "runs": ("runs", "cases"),
}
"""Kind of file -> the module in ``fuzzing`` that damages it, and the function there."""

PLAY = ("play", "--track", "copper_bowl", "--headless", "--frames", "12")
PIXELS = ("play", "--env", "carracing", "--model", "pixels-ppo", "--headless", "--frames", "2")
EVALUATE = ("evaluate", "base", "--tracks", "copper_bowl", "--no-limit")
TRACKS = ("tracks", "validate", "copper_bowl")
WARM = {
    "pages": (TRACKS,), "surveys": (TRACKS,), "settings": (TRACKS,),
    "zips": (PLAY, PIXELS, EVALUATE),
    "states": (PLAY, EVALUATE), "runs": (PLAY, PIXELS, EVALUATE),
}  # fmt: skip
"""Commands that import and compile what a kind's cases need, run once before they fork."""

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""A fork copies one thread alone, so there must be no others."""

DUMMY = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}

OUTCOMES = ("taken", "refused", "traceback", "hang", "memory", "nonsense", "words")
GOOD = ("taken", "refused")

Row = dict[str, Any]


def main() -> int:
    """Run the kinds asked for, print their table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--count", type=int, default=500, help="cases of each kind (500)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="K", help="this case alone")
    parser.add_argument("--json", type=Path, metavar="FILE", help="figures and findings")
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), metavar="DIR")
    parser.add_argument("--fresh", action="store_true", help="forget what is done already")
    args = parser.parse_args()
    os.environ.update(dict.fromkeys(ONE_THREAD, "1") | DUMMY)
    os.environ["NUMBA_THREADING_LAYER"] = "workqueue"  # which bears being forked
    out = args.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    figures = {}
    for kind in args.kinds:
        notes = out / f"{kind}-{args.seed}.jsonl"
        if args.fresh or args.only is not None:
            notes.unlink(missing_ok=True)
        figures[kind] = summary(list(_go(kind, args, notes, out)))
    table(figures)
    if args.json is not None:
        args.json.write_text(json.dumps({"seed": args.seed, "kinds": figures}, indent=1) + "\n")
    return int(any(row["findings"] for row in figures.values()))


def _go(kind: str, args: argparse.Namespace, notes: Path, out: Path) -> Iterator[Row]:
    """Rows of a kind: those noted before, then those run now."""
    known = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    known = known[: args.count]
    yield from known
    if len(known) == args.count:
        return
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{kind}-") as scratch, notes.open("a") as file:
        count = args.count if args.only is None else args.only + 1
        for k, case in enumerate(cases(kind, args.seed, count, Path(scratch))):
            if k >= len(known) and args.only in (None, k):
                row = one(kind, case, Path(scratch) / f"run{k}", out / f"{kind}-{args.seed}-{k}")
                if args.only == k:
                    print(row.pop("said"))
                row.pop("said", None)
                file.write(json.dumps(row) + "\n")
                file.flush()
                yield row
            for path in case.files:
                assert path.is_relative_to(scratch)  # nothing else is ever deleted
                clear(path if path.parent == Path(scratch) else path.parent)


def clear(path: Path) -> None:
    """Delete a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def cases(kind: str, seed: int, count: int, folder: Path) -> Iterator[Case]:
    """Damaged files of a kind, and what is done with each."""
    warm(kind, folder / "warm")
    module, function = KINDS[kind]
    made = getattr(importlib.import_module(f"benchmarks.fuzzing.{module}"), function)
    for case in made(seed, count, folder):
        yield case if isinstance(case, Case) else of_command(kind, folder, *case)


def warm(kind: str, home: Path) -> None:
    """Import and compile in this process, so that a fork has nothing left to do but its case."""
    from retroracer import cli

    os.environ["RETRORACER_HOME"] = str(home)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        codes = [cli.main(argv) for argv in WARM.get(kind, (PLAY,))]
        if kind in ("settings", "states", "runs"):
            importlib.import_module("retroracer.training.learners.pixels.off_policy")
            importlib.import_module("retroracer.training.learners.sac")
    assert not any(codes), f"{kind}: cannot begin: {codes}"
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    others = [name for name in names[1:] if name != "SDLTimer"]
    if others:
        print(f"{kind}: threads that no fork will have: {', '.join(others)}", file=sys.stderr)


def of_command(kind: str, folder: Path, name: str, argv: list[str]) -> Case:
    """The case of a damaged file in ``folder`` that is known by the command which opens it."""
    paths = [Path(x.split("=")[-1]) for x in argv]
    files = tuple(path for path in paths if path.is_relative_to(folder) and path.exists())
    return Case(name, files, command(argv), codes=(0,) if kind == "records" else (0, 2))


def one(kind: str, case: Case, folder: Path, keep: Path) -> Row:
    """Run a case; keep its files if it is a finding."""
    end = forked.run(case.run, folder)
    outcome, why = verdict(case, end)
    if outcome not in GOOD:
        shutil.rmtree(keep, ignore_errors=True)
        keep.mkdir(parents=True)
        for path in case.files:
            if path.is_file():
                shutil.copy(path, keep)
            else:
                shutil.copytree(path, keep / path.name, symlinks=True)
        (keep / "said.txt").write_text(f"{why}\n{end.code}\n{end.out}\n{end.err}\n", "utf-8")
        print(f"{kind} {case.name}: {outcome}: {why}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return {
        "case": case.name, "outcome": outcome, "why": why, "cpu": round(end.cpu, 3),
        "wall": round(end.wall, 3), "mb": end.memory >> 20,
        "said": f"{end.code}\n{end.out}{end.err}",
    }  # fmt: skip


def summary(rows: list[Row]) -> Row:
    """Counts, the worst figures, and the findings of a kind."""
    counts = {name: sum(row["outcome"] == name for row in rows) for name in OUTCOMES}
    worst = {name: max((row[name] for row in rows), default=0) for name in ("cpu", "wall", "mb")}
    return counts | worst | {"findings": [row for row in rows if row["outcome"] not in GOOD]}


def table(figures: dict[str, Row]) -> None:
    """Print a line a kind."""
    columns = (*OUTCOMES, "cpu", "wall", "mb")
    print(f"{'kind':<10}" + "".join(f"{name:>10}" for name in columns))
    for kind, row in figures.items():
        print(f"{kind:<10}" + "".join(f"{row[name]:>10}" for name in columns))


if __name__ == "__main__":
    begun = time.monotonic()
    code = main()
    print(f"{time.monotonic() - begun:.0f} s")
    sys.exit(code)
