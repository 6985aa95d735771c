"""``scale``: options that contradict one another are refused before anything is started."""

from __future__ import annotations

import pytest

from retroracer.cli import main

pytest.importorskip("ray", reason="the extra 'scale' is not installed")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--init-from-scratch --obs-dim 3 --act-dim 1 --parent base", "leave one of them out"),
        ("--init-from-scratch --env racing --model-name base", "leave one of them out"),
        ("--model-name base --parent rookie", "--model-name and --parent are the same"),
        ("--init-from-scratch --obs-dim 3", "--init-from-scratch needs --obs-dim and --act-dim"),
        ("--env Pendulum-v1 --track monza", "--track is for --env racing"),
        ("--init-from-scratch --obs-dim 3 --act-dim 1 --car kart", "--car is for --env racing"),
        ("--env racing --obs-dim 3 --act-dim 1", "--env tells the spaces"),
    ],
)
def test_options_that_contradict_one_another_are_refused(options, told, capsys):
    assert main(["scale", "train", *options.split()]) == 2
    assert told in capsys.readouterr().err
