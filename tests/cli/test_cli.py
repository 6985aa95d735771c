from __future__ import annotations

import subprocess
import sys

import pytest

from retroracer import __version__, cli
from retroracer.errors import UserError


def run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "retroracer", *argv], capture_output=True, text=True, timeout=120
    )


def command_that(monkeypatch, action):
    """A real sub-command whose work is ``action``."""

    class Family:
        @staticmethod
        def add_parser(subparsers):
            subparsers.add_parser("try").set_defaults(run=action)

    monkeypatch.setitem(sys.modules, "retroracer.cli.tried", Family)
    monkeypatch.setitem(cli.COMMANDS, "try", ("retroracer.cli.tried", "only here"))


def test_an_unknown_command_names_the_nearest(capsys):
    assert cli.main(["evalute"]) == 2
    assert capsys.readouterr().err == (
        "retroracer: error: no command 'evalute'; did you mean 'evaluate'?\n"
    )
    assert cli.main(["zzzzz"]) == 2
    assert "there are: " in capsys.readouterr().err


def test_a_users_mistake_is_one_message_and_exit_code_2(capsys, monkeypatch):
    def fail(args):
        raise UserError("no track 'mozna'; did you mean 'monza'?")

    command_that(monkeypatch, fail)
    assert cli.main(["try"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "retroracer: error: no track 'mozna'; did you mean 'monza'?\n")


def test_ctrl_c_ends_in_one_line_with_130(capsys, monkeypatch):
    def interrupted(args):
        raise KeyboardInterrupt

    command_that(monkeypatch, interrupted)
    assert cli.main(["try"]) == 130
    assert capsys.readouterr().err == "retroracer: stopped\n"


def test_a_bug_is_not_hidden(monkeypatch):
    def bug(args):
        raise ZeroDivisionError

    command_that(monkeypatch, bug)
    with pytest.raises(ZeroDivisionError):
        cli.main(["try"])


def test_a_bad_option_is_exit_code_2_without_traceback(capsys, monkeypatch):
    command_that(monkeypatch, lambda args: 0)
    assert cli.main(["try"]) == 0
    assert cli.main(["try", "--nonsense"]) == 2
    assert "unrecognized arguments: --nonsense" in capsys.readouterr().err


def test_help_lists_every_command_and_version_is_the_packages(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in cli.COMMANDS)
    assert "example:" in text
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"retroracer {__version__}\n"
    assert cli.main([]) == 2


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_explains_itself_with_an_example(name, capsys):
    assert cli.main([name, "--help"]) == 0
    assert "example" in capsys.readouterr().out.lower()


def test_the_module_runs_as_a_program():
    done = run("play-it")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_not_an_error():
    done = subprocess.run(
        f"'{sys.executable}' -u -m retroracer --help | true",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from retroracer import cli; cli.main(['--help']);"
        "heavy = {'numpy', 'torch', 'pygame', 'shapely', 'scipy', 'numba', 'yaml', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "[]"
