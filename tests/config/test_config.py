from __future__ import annotations

import dataclasses
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retroracer import config
from retroracer.config import Range
from retroracer.errors import UserError


@dataclass(frozen=True)
class Network:
    layers: tuple[int, ...] = (256, 256)
    activation: Literal["relu", "tanh"] = "relu"


@dataclass(frozen=True)
class Run:
    rate: Annotated[float, Range(above=0, high=1)] = 3e-4
    steps: Annotated[int, Range(low=1)] = 10
    name: str = "base"
    parent: str | None = None
    entropy: float | Literal["auto"] = "auto"
    pair: tuple[float, float] = (1.0, 2.0)
    flag: bool = False
    folder: Path = Path("runs")
    network: Network = field(default_factory=Network)
    weights: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pair[0] > self.pair[1]:
            raise ValueError("pair must ascend; swap the two numbers")


@dataclass(frozen=True)
class Needy:
    track: str
    run: Run = field(default_factory=Run)


def written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def mistakes(folder: Path, text: str, overrides: tuple[str, ...] = (), cls: Any = Run) -> list[str]:
    path = written(folder, text)
    with pytest.raises(UserError) as caught:
        config.load(cls, path, overrides)
    return str(caught.value).replace(str(path), "run.yaml").splitlines()


def test_set_beats_the_file_and_the_file_beats_the_defaults(tmp_path):
    path = written(tmp_path, "rate: 1e-4\nsteps: 20\n")
    run = config.load(Run, path, ["steps=30", "network.layers=[8]"])
    assert run == Run(rate=1e-4, steps=30, network=Network(layers=(8,)))


def test_of_many_keys_an_error_lists_some_and_counts_the_rest(tmp_path):
    kind = dataclasses.make_dataclass("Many", [(f"key_number_{k}", int, 0) for k in range(90)])
    with pytest.raises(UserError) as raised:
        config.load(kind, written(tmp_path, "zzz: 3\n"))
    told = str(raised.value)
    assert "there are: key_number_0, key_number_1," in told and len(told) < 400
    assert told.count("key_number_") + int(told.split(" and ")[1].split()[0]) == 90


def test_the_type_of_a_setting_decides_how_its_text_is_read(tmp_path):
    path = written(tmp_path, "name: NO\nrate: 1e-3\nflag: yes\nentropy: auto\nparent: ~\n")
    assert config.load(Run, path) == Run(name="NO", rate=1e-3, flag=True)
    assert config.load(Run, written(tmp_path, "name: 12:30")).name == "12:30"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stpes: 3", "run.yaml:1: stpes: unknown key; did you mean 'steps'?"),
        (
            "network:\n  layer: [1]",
            "run.yaml:2: network.layer: unknown key; did you mean 'layers'?",
        ),
        ("\nsteps: 12:30", "run.yaml:2: steps: '12:30' is not a number; as seconds write 750"),
        (
            "steps: '3'",
            "run.yaml:1: steps: expected a whole number, got text: take the quotes off 3",
        ),
        ("steps: 1.5", "run.yaml:1: steps: expected a whole number, got '1.5'"),
        ("steps: 0", "run.yaml:1: steps: must be at least 1, got 0"),
        ("rate: 0", "run.yaml:1: rate: must be above 0, got 0.0"),
        ("rate: .nan", "run.yaml:1: rate: expected a number, got '.nan'"),
        ("rate: nan", "run.yaml:1: rate: expected a number, got 'nan'"),
        ("flag: 1", "run.yaml:1: flag: expected true or false, got '1'"),
        ("name:", "run.yaml:1: name: expected text, got nothing"),
        ("name: [a]", "run.yaml:1: name: expected text, got a list"),
        ("entropy: off", "run.yaml:1: entropy: expected a number or auto, got 'off'"),
        (
            "network: {activation: gelu}",
            "run.yaml:1: network.activation: expected relu or tanh, got 'gelu'",
        ),
        ("pair: [1]", "run.yaml:1: pair: expected a list of 2, got one of 1"),
        ("pair: [1, x]", "run.yaml:1: pair[1]: expected a number, got 'x'"),
        ("pair: [3, 1]", "run.yaml:1: pair must ascend; swap the two numbers"),
        ("weights: {a: 1, a: 2}", "run.yaml:1: key 'a' is already set on line 1; delete one"),
        ("network: 3", "run.yaml:1: network: expected a group of keys, got '3'"),
        ("- 1", "run.yaml:1: expected lines of 'key: value', got a list"),
        (
            "steps: &x 1\nrate: *y",
            "run.yaml:2: '*y' names no anchor '&y' (text that begins with * needs quotes)",
        ),
        ("name: !!python/object:os.system x", None),
        (
            "a: [1",
            "run.yaml:1: not valid YAML: the bracket opened here is not closed, or a ',' is"
            " missing; a '#' begins a comment, so colours need quotes",
        ),
    ],
)
def test_a_mistake_is_told_with_file_line_and_key(tmp_path, text, expected):
    if expected is None:
        # A tag cannot run anything: nodes are never constructed, only read as text.
        assert config.load(Run, written(tmp_path, text)).name == "x"
    else:
        assert mistakes(tmp_path, text) == [expected]


def test_all_mistakes_are_told_at_once(tmp_path):
    told = mistakes(tmp_path, "steps: x\nflag: 3\n", ("rate=2", "nam=b"))
    assert told == [
        "run.yaml:1: steps: expected a whole number, got 'x'",
        "run.yaml:2: flag: expected true or false, got '3'",
        "--set rate=2: rate: must be at most 1, got 2.0",
        "--set nam=b: nam: unknown key; did you mean 'name'?",
    ]


def test_a_setting_without_default_must_be_given(tmp_path):
    assert mistakes(tmp_path, "run: {steps: 2}", cls=Needy) == [
        "run.yaml:1: 'track' is missing; give it a value"
    ]
    assert config.load(Needy, None, ["track=monza"]).track == "monza"


@pytest.mark.parametrize("text", ["steps", "=3", "a..b=1", ".a=1"])
def test_a_malformed_override_is_refused(text):
    with pytest.raises(UserError, match="write it as key=value"):
        config.load(Run, None, [text])


def test_a_missing_huge_or_binary_file_is_a_users_mistake(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        config.load(Run, tmp_path / "none.yaml")
    with pytest.raises(UserError, match=r"at most 1\.0 MB"):
        config.load(Run, written(tmp_path, "# " + "x" * 2_000_000))
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00rate")
    with pytest.raises(UserError, match="UTF-16"):
        config.load(Run, tmp_path / "b")
    with pytest.raises(UserError, match="nested deeper"):
        config.load(Run, written(tmp_path, "[" * 50_000))


def test_an_empty_file_gives_the_defaults(tmp_path):
    assert config.load(Run, written(tmp_path, "# nothing yet\n")) == Run()


sizes = st.floats(min_value=1e-15, max_value=1e15)
finite = st.just(0.0) | sizes | sizes.map(lambda x: -x)
runs = st.builds(
    Run,
    rate=st.floats(min_value=1e-15, max_value=1.0),
    steps=st.integers(1, 10**12),
    name=st.text(max_size=20),
    parent=st.none() | st.text(max_size=5),
    entropy=finite | st.just("auto"),
    pair=st.tuples(finite, finite).map(lambda p: (min(p), max(p))),
    flag=st.booleans(),
    folder=st.just(Path("a/b")),
    network=st.builds(Network, layers=st.lists(st.integers(1, 512)).map(tuple)),
    weights=st.dictionaries(st.text(string.ascii_letters, min_size=1), finite, max_size=3),
)


@pytest.mark.slow
@settings(max_examples=60, derandomize=True, deadline=None)
@given(runs)
def test_settings_survive_yaml_and_plain_values(tmp_path_factory, run):
    path = tmp_path_factory.mktemp("run") / "run.yaml"
    config.save(run, path)
    assert config.load(Run, path) == run
    assert config.from_dict(Run, config.to_dict(run), "facts") == run


@pytest.mark.slow
@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.text(max_size=60) | st.text("[]{}:,-&*!|>'\"#%@ \n\tarte1", max_size=80))
def test_any_text_is_read_or_refused_with_a_users_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_text(text, encoding="utf-8", errors="replace")
    try:
        assert isinstance(config.load(Run, path), Run)
    except UserError as error:
        assert str(error)


def test_plain_values_that_are_not_plain_are_refused():
    with pytest.raises(UserError, match="facts: holds values that are not plain data"):
        config.from_dict(Run, {"name": object()}, "facts")
    with pytest.raises(UserError, match="facts: steps: expected a whole number, got 'x'"):
        config.from_dict(Run, {"steps": "x"}, "facts")
