"""Options of training that are settings, under the names other trainers give them.

Owns one table, option -> setting, and its translation into ``--set`` texts. An option for which
the run's learner has no setting is refused, with the learners that have it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retroracer.cli.arguments import number, steps, whole
from retroracer.errors import UserError

if TYPE_CHECKING:
    from retroracer.training.run.settings import RunSettings


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        key: of the setting, as ``--set`` takes it; LEARNER stands for the learner's section.
        kind: type of its value; None = a switch.
        metavar: of its value; None = as of others of its type.
        only: the learners it is for; empty = those with such a setting.
        value: the setting's value, from the option's and the run's settings; None = as given.
    """

    flag: str
    key: str
    help: str
    kind: Callable[[str], Any] | None = None
    metavar: str | None = None
    only: tuple[str, ...] = ()
    value: Callable[[Any, Any], Any] | None = None

    @property
    def name(self) -> str:
        """Of the parsed argument."""
        return self.flag.removeprefix("--").replace("-", "_")


def _without_aim(given: bool, settings: Any) -> str:
    return f"[{', '.join(name for name in settings.log_to if name != 'aim')}]"


def _iteration(settings: Any) -> int:
    """Actions in a rollout of PPO, all envs together."""
    return int(settings.envs * settings.ppo.n_steps)


def _actions(given: int, settings: Any) -> int:
    return given * _iteration(settings)


def _share(given: int, settings: Any) -> float:
    """An iteration converted to a share of the run's steps."""
    if settings.steps is None:
        raise UserError("--finetune-at counts iterations; give their number with --max-iters")
    share = given * _iteration(settings) / settings.steps
    if share > 1.0:
        last = settings.steps // _iteration(settings)
        raise UserError(f"--finetune-at {given} is after the last iteration, {last}")
    return float(share)


_LEARNER = "LEARNER."
_RATE = number(1e-8, 1.0)

BATCH_SIZE = Option(
    "--batch-size", "LEARNER.batch_size", "of an update of the learner", whole(1, 1_000_000)
)

PIXEL_OPTIONS = (
    BATCH_SIZE,
    Option(
        "--replay-size", "LEARNER.buffer_size", "frames kept for replay", whole(100, 20_000_000)
    ),
    Option(
        "--update-freq",
        "LEARNER.update_every",
        "steps of all envs together between rounds of updates",
        whole(1, 1_000_000),
        value=lambda given, settings: math.ceil(given / settings.envs),
    ),
    Option("--use-amp", "LEARNER.amp", "networks computed in bfloat16"),
    Option(
        "--no-norm-reward",
        "LEARNER.norm_reward",
        "rewards are not divided by the spread of their sums",
        value=lambda given, settings: False,
    ),
    Option("--action-repeat", "pipeline.action_repeat", "frames an action lasts", whole(1, 32)),
    Option(
        "--reward-scale",
        "pipeline.reward_scale",
        "factor on every reward in training",
        number(1e-6, 1e6),
    ),
    Option("--no-aim", "log_to", "do not log to Aim, even if the page says so", value=_without_aim),
    Option(
        "--max-iters",
        "steps",
        "length of the run in rollouts of PPO",
        steps,
        only=("ppo",),
        value=_actions,
    ),
    Option(
        "--checkpoint-every",
        "checkpoint_every",
        "rollouts of PPO from one zip in checkpoints/ to the next",
        steps,
        only=("ppo",),
        value=_actions,
    ),
    Option(
        "--finetune-at",
        "LEARNER.second_phase_at",
        "iteration of --max-iters at which the second phase begins",
        whole(0, 10**9),
        value=_share,
    ),
    Option("--finetune-lr", "LEARNER.second_learning_rate", "learning rate from then on", _RATE),
    Option(
        "--finetune-entropy",
        "LEARNER.second_ent_coef",
        "entropy coefficient from then on",
        number(0.0, 100.0),
    ),
    Option("--finetune-clip", "LEARNER.second_clip_range", "clip range from then on", _RATE),
)
"""The options of ``train-pixels``."""

RACING_OPTIONS = (BATCH_SIZE,)
"""The options of ``train-base`` and ``fine-tune``."""


def add_settings(parser: argparse.ArgumentParser, options: Sequence[Option]) -> None:
    """Add options of the table to a command."""
    group = parser.add_argument_group(
        "settings by the names other trainers give them", "the same as --set KEY=VALUE"
    )
    for option in options:
        text = f"{option.help} ({option.key})"
        if option.kind is None:
            group.add_argument(option.flag, action="store_true", default=None, help=text)
        else:
            group.add_argument(option.flag, type=option.kind, metavar=option.metavar, help=text)
    parser.set_defaults(settings_options=tuple(options))


def main_learner(names: Sequence[str]) -> str:
    """The learner that options apply to: the last stage that trains the driver, if any."""
    trainers = [name for name in names if name != "critics"]
    return (trainers or list(names))[-1]


def as_settings(
    args: argparse.Namespace,
    table: dict[str, str],
    learner: str,
    load: Callable[[list[str]], RunSettings],
) -> list[str]:
    """The options given, as ``--set`` texts.

    ``table`` has the task's learners; options are for ``learner``. ``load`` gives the run's
    settings with such texts, for the options that need them.

    Raises:
        UserError: if one does not fit the learner.
    """
    from retroracer.training.learners import section

    texts: list[str] = []
    # Those that need settings come last, in the table's order: an iteration's share needs the
    # number of iterations.
    for option in sorted(args.settings_options, key=lambda option: option.value is not None):
        given = getattr(args, option.name)
        if given is None:
            continue
        fitting = _fitting(option, table)
        if learner not in fitting:
            raise UserError(
                f"{option.flag} is for {' and '.join(fitting)}; this run learns by {learner}"
            )
        key = option.key.replace(_LEARNER, f"{section(learner)}.")
        value = given if option.value is None else option.value(given, load(texts))
        texts.append(f"{key}={str(value).lower() if isinstance(value, bool) else value}")
        if option.key == "steps" and args.minutes is None:
            texts.append("minutes=null")
    return texts


def _fitting(option: Option, table: dict[str, str]) -> tuple[str, ...]:
    """The learners that have an option's setting."""
    from retroracer.training.learners import find

    if option.only or not option.key.startswith(_LEARNER):
        return option.only or tuple(table)
    name = option.key.removeprefix(_LEARNER)
    kinds: dict[str, Any] = {learner: find(table, learner).Settings for learner in table}
    return tuple(k for k, kind in kinds.items() if name in kind.__dataclass_fields__)
