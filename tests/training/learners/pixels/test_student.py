"""What the pupil is taught from and with: drives, their memory, the lesson. No run."""

import io

import numpy as np
import pytest

pytest.importorskip("Box2D")
torch = pytest.importorskip("torch")

from retroracer.agents.pixels.checkpoint import build  # noqa: E402
from retroracer.agents.pixels.network import Network  # noqa: E402
from retroracer.carracing.expert import N_SEEN, Expert  # noqa: E402
from retroracer.carracing.pipeline import Pipeline, make  # noqa: E402
from retroracer.carracing.vector import CarRacingVectorEnv  # noqa: E402
from retroracer.errors import UserError  # noqa: E402
from retroracer.training.learners.pixels.drives import Drive, Mixture, drive  # noqa: E402
from retroracer.training.learners.pixels.drives_memory import (  # noqa: E402
    Batch,
    DrivesMemory,
    bytes_of_a_frame,
    read_drives,
    write_drives,
)
from retroracer.training.learners.pixels.student import (  # noqa: E402
    BRAKE_WEIGHT,
    STEER_WEIGHT,
    Student,
    action_loss,
    pilot,
    rows_of,
    swapped,
)
from retroracer.training.learners.pixels.vec_env import PixelVecEnv  # noqa: E402

SEEN = Pipeline(size=64, stack=3, action_repeat=1)
NETWORK = Network("slim", 16, hidden=(8,))
RNG = np.random.default_rng(0)


def drive_of(frames: int, size: int = 8, n_state: int = 5, mark: int = 0) -> Drive:
    """A drive whose frames tell its number and their own."""
    pictures = np.full((frames, size, size), mark, np.uint8)
    pictures[:, 0, 0] = np.arange(frames)
    actions = RNG.normal(size=(frames, 2)).astype(np.float32)
    state = RNG.normal(size=(frames, n_state)).astype(np.float32)
    return Drive(pictures, actions, state, 10.0 * mark, mark % 2 == 1, mark % 3 == 0)


def student(seed: int = 1) -> Student:
    envs = PixelVecEnv(CarRacingVectorEnv(1, workers=0, pipeline=SEEN))
    made = Student(build("PPO", envs, NETWORK, seed=seed, n_steps=64), NETWORK, N_SEEN)
    envs.close()
    return made


def batch(count: int = 16) -> Batch:
    rng = np.random.default_rng(4)
    return Batch(
        rng.integers(0, 256, (count, 3, 64, 64), np.uint8),
        rng.uniform(-0.5, 0.5, (count, 2)).astype(np.float32),
        rng.normal(size=(count, N_SEEN)).astype(np.float32),
    )


def test_a_stack_is_the_last_frames_of_its_own_drive_the_first_repeated() -> None:
    drives = [drive_of(5, mark=1), drive_of(1, mark=2), drive_of(7, mark=3)]
    memory = DrivesMemory(13, 8, 3, 5)
    memory.add(drives)
    drawn = memory.draw(np.arange(13))
    row = 0
    for d in drives:
        for t in range(len(d.frames)):
            wanted = d.frames[[max(t - 2, 0), max(t - 1, 0), t]]
            np.testing.assert_array_equal(drawn.pictures[row], wanted)
            np.testing.assert_array_equal(drawn.actions[row], d.actions[t])
            np.testing.assert_array_equal(drawn.state[row], d.state[t])
            row += 1


def test_a_drive_that_does_not_fit_is_left_out_whole() -> None:
    memory = DrivesMemory(10, 8, 3, 5)
    memory.add([drive_of(6), drive_of(6)])
    assert memory.used == 6
    held = memory._frames.nbytes + memory._labels.nbytes + memory._first.nbytes
    assert held == 10 * bytes_of_a_frame(8, 5)


def test_drives_come_back_from_their_file_as_they_were(tmp_path) -> None:
    drives = [drive_of(4, mark=1), drive_of(2, mark=2), drive_of(3, mark=3)]
    write_drives(tmp_path / "d.npz", drives)
    back = read_drives(tmp_path / "d.npz")
    assert len(back) == 3
    for one, two in zip(drives, back, strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(getattr(two, name), value)


def test_a_damaged_or_missing_file_of_drives_is_one_line(tmp_path) -> None:
    path = tmp_path / "d.npz"
    write_drives(path, [drive_of(30)])
    whole = path.read_bytes()
    bent = bytearray(whole)
    bent[len(whole) // 3] ^= 0x55
    for raw in (b"", whole[:50], whole[: len(whole) // 2], bytes(bent), b"no zip at all"):
        path.write_bytes(raw)
        with pytest.raises(UserError, match=r"d\.npz is damaged .*--fresh") as told:
            read_drives(path)
        assert "\n" not in str(told.value)
    with pytest.raises(UserError, match=r"none\.npz is missing.*--fresh"):
        read_drives(tmp_path / "none.npz")


@pytest.mark.slow
def test_the_pupil_drives_the_labels_are_the_experts_and_a_drive_is_the_same_again() -> None:
    def straight_on(pictures):
        assert pictures.shape[1:] == (3, 64, 64)
        return np.tile(np.float32([0.0, 0.3]), (len(pictures), 1))

    mixture = Mixture(patience=12)
    found = drive(straight_on, [5, 6], SEEN, mixture)
    again = drive(straight_on, [5, 6], SEEN, mixture)
    env = make(SEEN)
    env.reset(seed=5)
    expert = Expert(mixture.style)
    expert.begin(env.unwrapped.track)
    for t, frame in enumerate(found[0].frames):
        car = env.unwrapped.car
        np.testing.assert_allclose(found[0].actions[t], expert.act(car), rtol=1e-6)
        np.testing.assert_allclose(found[0].state[t], expert.seen(car), rtol=1e-6)
        obs = env.step(np.float32([0.0, 0.3]))[0]
        if t + 1 < len(found[0].frames):
            np.testing.assert_array_equal(found[0].frames[t + 1], obs[-1])
        assert frame.shape == (64, 64)
    env.close()
    assert [d.alone for d in found] == [True, False], "drives of odd place are disturbed"
    for one, two in zip(found, again, strict=True):
        np.testing.assert_array_equal(one.frames, two.frames)
        np.testing.assert_array_equal(one.actions, two.actions)


@pytest.mark.slow
def test_the_expert_alone_finishes_disturbed_or_not() -> None:
    found = drive(None, [31, 32], SEEN, Mixture(1.0))
    assert all(d.finished and d.reward > 850.0 for d in found)
    assert not any(d.alone for d in found)


def test_the_loss_is_none_for_the_experts_action_and_weighs_what_the_car_feels() -> None:
    right = torch.tensor([[0.1, -0.1], [0.2, 0.5]])
    assert float(action_loss(right, right)) == 0.0
    none, by = torch.zeros(1, 2), 0.01  # within the loss's square part: half of (w x)^2 / bend
    steered = float(action_loss(torch.tensor([[by, 0.0]]), none))
    braked = float(action_loss(torch.tensor([[0.0, -by]]), none))
    gassed = float(action_loss(torch.tensor([[0.0, by]]), none))
    assert gassed == pytest.approx(0.5 * by**2 / 0.1 / 2)
    assert steered / gassed == pytest.approx(STEER_WEIGHT**2, rel=1e-4)
    assert braked / gassed == pytest.approx(BRAKE_WEIGHT**2, rel=1e-4)


@pytest.mark.slow
def test_lessons_lower_the_loss_and_only_the_averages_drive() -> None:
    torch.set_num_threads(1)
    taught, lesson = student(), batch()
    values = [p.detach().clone() for n, p in taught.policy.named_parameters() if "value" in n]
    losses = [taught.learn(lesson, 2e-3)[0] for _ in range(40)]
    assert losses[-1] < 0.5 * losses[0]
    kept = [p for n, p in taught.policy.named_parameters() if "value" in n]
    assert all(torch.equal(a, b) for a, b in zip(values, kept, strict=True)), "no lesson in value"
    live = [p.detach().clone() for p in taught.policy.parameters()]
    with swapped(*taught.averages):
        wanted = taught.policy.predict(lesson.pictures, deterministic=True)[0]
        assert not all(map(torch.equal, live, taught.policy.parameters()))
    assert all(map(torch.equal, live, taught.policy.parameters())), "the live weights are back"
    sight = pilot(SEEN, NETWORK, taught.weights())
    np.testing.assert_allclose(sight(lesson.pictures), wanted, atol=1e-5)


def test_a_restored_pupil_learns_on_as_if_nothing_had_been() -> None:
    torch.set_num_threads(1)
    one, lesson = student(), batch()
    for _ in range(3):
        one.learn(lesson, 1e-3)
    two = student(seed=9)
    raw = io.BytesIO()
    torch.save(one.state(), raw)
    raw.seek(0)
    two.policy.load_state_dict(one.policy.state_dict())
    two.restore(torch.load(raw, weights_only=True))
    for _ in range(2):
        assert one.learn(lesson, 1e-3) == two.learn(lesson, 1e-3)
    assert one.weights() == two.weights()


def test_batches_depend_on_seed_and_step_alone() -> None:
    np.testing.assert_array_equal(rows_of(50, 8, 1, 3), rows_of(50, 8, 1, 3))
    assert (rows_of(50, 8, 1, 3) != rows_of(50, 8, 1, 4)).any()
    assert (rows_of(50, 8, 1, 3) != rows_of(50, 8, 2, 3)).any()
